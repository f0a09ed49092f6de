import { err, ok, type Result } from '../../kernel/index.ts';
import type { ClientFacts, RawJson, Revision, UpstreamInfo } from '../model.ts';
import { addEnvelope, META } from '../wire/envelope.ts';
import { rawAsString, rawGet, rawItems, rawKind, rawObject, rawString } from '../wire/raw-json.ts';
import { isRevision, LATEST, LATEST_LEGACY, LEGACY_REVISIONS } from '../wire/revisions.ts';
import { OWN_CLIENT } from './gateway-identity.ts';

const EMPTY = '{}' as RawJson;
const MAX_INSTRUCTIONS = 64 * 1024;
const MAX_SHOWN = 40;

/** The revision we offer a legacy server: the client's own when it is legacy too, so that both sides agree. */
export function offeredRevision(client: ClientFacts): Revision {
  return client.era === 'legacy' ? client.revision : LATEST_LEGACY;
}

export function initializeParams(client: ClientFacts): RawJson {
  return rawObject([
    ['protocolVersion', rawString(offeredRevision(client))],
    ['capabilities', client.capabilities],
    ['clientInfo', client.info ?? OWN_CLIENT.info ?? EMPTY],
  ]);
}

/** Params of one request to a modern server, envelope included (2026-07-28, basic). */
export function modernParams(params: RawJson | undefined, client: ClientFacts): RawJson {
  return addEnvelope(params, {
    protocolVersion: LATEST,
    capabilities: client.capabilities,
    info: client.info ?? OWN_CLIENT.info,
    logLevel: client.logLevel,
  });
}

/** Reads an `InitializeResult`. The error is in plain words. */
export function readInitialize(result: RawJson): Result<UpstreamInfo, string> {
  if (rawKind(result) !== 'object') return err('its answer to initialize is not an object');
  const version = stringOf(result, 'protocolVersion');
  if (!isRevision(version) || !LEGACY_REVISIONS.includes(version)) {
    return err(
      `it speaks revision ${show(version)}, which the gateway does not speak with initialize`,
    );
  }
  return ok({ era: 'legacy', revision: version, ...common(result, rawGet(result, 'serverInfo')) });
}

/** Reads a `DiscoverResult` (2026-07-28). */
export function readDiscover(result: RawJson): Result<UpstreamInfo, string> {
  if (rawKind(result) !== 'object') return err('its answer to server/discover is not an object');
  const versions = rawGet(result, 'supportedVersions');
  const listed = versions === undefined ? undefined : rawItems(versions)?.map(rawAsString);
  if (listed === undefined) return err('its answer to server/discover names no versions');
  if (!listed.includes(LATEST))
    return err(`it speaks only ${listed.slice(0, 4).map(show).join(', ')}`);
  const meta = rawGet(result, '_meta');
  const serverInfo =
    (meta === undefined ? undefined : rawGet(meta, META.serverInfo)) ??
    rawGet(result, 'serverInfo');
  return ok({ era: 'modern', revision: LATEST, ...common(result, serverInfo) });
}

function common(
  result: RawJson,
  serverInfo: RawJson | undefined,
): Pick<UpstreamInfo, 'capabilities' | 'serverInfo' | 'instructions'> {
  const capabilities = rawGet(result, 'capabilities');
  return {
    capabilities: isObject(capabilities) ? capabilities : EMPTY,
    serverInfo: isObject(serverInfo) ? serverInfo : EMPTY,
    instructions: stringOf(result, 'instructions')?.slice(0, MAX_INSTRUCTIONS),
  };
}

function isObject(raw: RawJson | undefined): raw is RawJson {
  return raw !== undefined && rawKind(raw) === 'object';
}

function stringOf(object: RawJson, key: string): string | undefined {
  const value = rawGet(object, key);
  return value === undefined ? undefined : rawAsString(value);
}

/** A server's word, fit for a message of ours. */
function show(version: string | undefined): string {
  return version !== undefined && /^[\w.-]{1,40}$/.test(version)
    ? version.slice(0, MAX_SHOWN)
    : '(unreadable)';
}
