import type { ClientFacts, RawJson, UpstreamConnection } from '../model.ts';
import { rawDelete, rawGet, rawKind, rawMembers, rawObject, rawSet } from '../wire/raw-json.ts';

export type Described = Pick<UpstreamConnection, 'server' | 'info'>;

const TRUE = 'true' as RawJson;
const EMPTY = '{}' as RawJson;
const LISTS = ['tools', 'prompts', 'resources'] as const;

/**
 * Server capabilities towards one client. One upstream of the client's own era passes through, unknown members
 * included; otherwise the union of what the upstreams can do is told in the client's words (table 4.1 and 4.2).
 * `listChanged` is always ours to give: we announce changes of the client's view ourselves.
 */
export function capabilitiesFor(
  client: Pick<ClientFacts, 'era' | 'revision'>,
  upstreams: readonly Described[],
): RawJson {
  const only = upstreams.length === 1 ? upstreams[0]?.info : undefined;
  if (only !== undefined && only.era === client.era) {
    let own = only.capabilities;
    for (const list of LISTS) {
      const value = rawGet(own, list);
      if (value !== undefined && rawKind(value) === 'object')
        own = rawSet(own, list, rawSet(value, 'listChanged', TRUE));
    }
    return forRevision(own, client);
  }
  const merged = new Map<string, RawJson>();
  for (const { info } of upstreams) {
    for (const [name, value] of rawMembers(info.capabilities) ?? []) {
      if (rawKind(value) !== 'object') continue;
      const taken = merge(merged.get(name), name, value, client.era === info.era);
      if (taken !== undefined) merged.set(name, taken);
    }
  }
  return forRevision(rawObject(merged), client);
}

function merge(
  old: RawJson | undefined,
  name: string,
  value: RawJson,
  sameEra: boolean,
): RawJson | undefined {
  switch (name) {
    case 'tools':
    case 'prompts':
      return rawSet(EMPTY, 'listChanged', TRUE);
    case 'resources': {
      const subscribe =
        rawGet(value, 'subscribe') === 'true' ||
        (old !== undefined && rawGet(old, 'subscribe') === 'true');
      const base = rawSet(EMPTY, 'listChanged', TRUE);
      return subscribe ? rawSet(base, 'subscribe', TRUE) : base;
    }
    case 'completions':
    case 'logging':
      return EMPTY;
    case 'extensions': {
      if (!sameEra) return old;
      let union = old ?? EMPTY;
      for (const [id, settings] of rawMembers(value) ?? []) {
        if (rawGet(union, id) === undefined) union = rawSet(union, id, settings);
      }
      return union;
    }
    // Core tasks of 2025-11-25 need one server behind the endpoint; `experimental` has no meaning for a union.
    default:
      return old;
  }
}

function forRevision(
  capabilities: RawJson,
  client: Pick<ClientFacts, 'era' | 'revision'>,
): RawJson {
  let next = capabilities;
  if (client.revision < '2025-03-26') next = rawDelete(next, 'completions');
  if (client.era === 'modern' || client.revision < '2025-11-25') next = rawDelete(next, 'tasks');
  return next;
}
