import type { ClientFacts, RawJson } from '../model.ts';
import { META } from '../wire/envelope.ts';
import { rawDelete, rawObject, rawOf, rawString } from '../wire/raw-json.ts';
import { MODERN_REVISIONS } from '../wire/revisions.ts';
import { capabilitiesFor, type Described } from './capabilities.ts';

/** How the gateway speaks of itself where it stands for several servers. */
export interface SelfFacts {
  readonly serverInfo: RawJson;
  readonly instructions?: string;
}

const MAX_INSTRUCTIONS = 32_768;

/** An endpoint of one server carries that server's name; the merged endpoint carries ours. */
function serverInfoOf(upstreams: readonly Described[], self: SelfFacts): RawJson {
  const only = upstreams.length === 1 ? upstreams[0] : undefined;
  return only?.info.serverInfo ?? self.serverInfo;
}

function instructionsOf(upstreams: readonly Described[], self: SelfFacts): string | undefined {
  const own = self.instructions === undefined ? [] : [self.instructions];
  if (upstreams.length === 1) {
    const only = upstreams[0]?.info.instructions;
    return only ?? own[0];
  }
  const parts = own.concat(
    upstreams.flatMap(({ server, info }) =>
      info.instructions === undefined ? [] : [`## ${server}\n${info.instructions}`],
    ),
  );
  return parts.length === 0 ? undefined : parts.join('\n\n').slice(0, MAX_INSTRUCTIONS);
}

function infoForRevision(info: RawJson, client: Pick<ClientFacts, 'revision'>): RawJson {
  let next = info;
  if (client.revision < '2025-06-18') next = rawDelete(next, 'title');
  if (client.revision < '2025-11-25') {
    for (const member of ['icons', 'websiteUrl', 'description']) next = rawDelete(next, member);
  }
  return next;
}

/** `InitializeResult` for a legacy client; `client.revision` is the revision that was chosen. */
export function initializeResult(
  client: Pick<ClientFacts, 'era' | 'revision'>,
  upstreams: readonly Described[],
  self: SelfFacts,
): RawJson {
  const instructions = instructionsOf(upstreams, self);
  const entries: Array<readonly [string, RawJson]> = [
    ['protocolVersion', rawString(client.revision)],
    ['capabilities', capabilitiesFor(client, upstreams)],
    ['serverInfo', infoForRevision(serverInfoOf(upstreams, self), client)],
  ];
  if (instructions !== undefined) entries.push(['instructions', rawString(instructions)]);
  return rawObject(entries);
}

/**
 * `DiscoverResult` (2026-07-28) for one principal: the revisions a request envelope may name here, capabilities after
 * translation, private caching of `ttlMs`.
 */
export function discoverResult(
  client: Pick<ClientFacts, 'era' | 'revision'>,
  upstreams: readonly Described[],
  self: SelfFacts,
  ttlMs = 30_000,
): RawJson {
  const instructions = instructionsOf(upstreams, self);
  const entries: Array<readonly [string, RawJson]> = [
    ['resultType', rawString('complete')],
    ['supportedVersions', rawOf(MODERN_REVISIONS)],
    ['capabilities', capabilitiesFor(client, upstreams)],
  ];
  if (instructions !== undefined) entries.push(['instructions', rawString(instructions)]);
  entries.push(
    ['ttlMs', String(ttlMs) as RawJson],
    ['cacheScope', rawString('private')],
    ['_meta', rawObject([[META.serverInfo, serverInfoOf(upstreams, self)]])],
  );
  return rawObject(entries);
}
