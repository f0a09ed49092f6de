import type { RawJson, UpstreamInfo } from '../model.ts';
import { META } from '../wire/envelope.ts';
import { rawGet, rawKind, rawMembers, rawObject, rawSet, rawString } from '../wire/raw-json.ts';

const COMPLETE = rawString('complete');
const PRIVATE = rawString('private');
const ZERO = '0' as RawJson;
const TTL = '"ttlMs":0,"cacheScope":"private",';

/** The six results that carry caching hints (2026-07-28, caching). */
export function isCacheable(method: string): boolean {
  return (
    method === 'server/discover' ||
    method === 'tools/list' ||
    method === 'prompts/list' ||
    method === 'resources/list' ||
    method === 'resources/templates/list' ||
    method === 'resources/read'
  );
}

/**
 * A result of a legacy upstream for a modern client (table 4.2): `resultType: "complete"` whatever the upstream wrote
 * there, no caching beyond this caller, the server's own name for display.
 */
export function resultForModern(method: string, result: RawJson, info: UpstreamInfo): RawJson {
  const cacheable = isCacheable(method);
  const members = rawMembers(result);
  if (members === undefined) return result;
  let next = result;
  if (members.has('resultType')) next = rawSet(next, 'resultType', COMPLETE);
  if (cacheable && members.has('ttlMs')) next = rawSet(next, 'ttlMs', ZERO);
  if (cacheable && members.has('cacheScope')) next = rawSet(next, 'cacheScope', PRIVATE);
  next = withServerInfo(next, members.get('_meta'), info.serverInfo);
  let head = members.has('resultType') ? '' : '"resultType":"complete",';
  if (cacheable) {
    if (!members.has('ttlMs') && !members.has('cacheScope')) head += TTL;
    else if (!members.has('ttlMs')) head += '"ttlMs":0,';
    else if (!members.has('cacheScope')) head += '"cacheScope":"private",';
  }
  return head === '' ? next : prefix(next, head);
}

/** Puts members in front. `_meta` was added before, so the object is never empty here. */
function prefix(raw: RawJson, head: string): RawJson {
  const open = raw.indexOf('{') + 1;
  return `${raw.slice(0, open)}${head}${raw.slice(open)}` as RawJson;
}

/** Names the server unless the result does so itself. */
export function withServerInfo(
  result: RawJson,
  meta: RawJson | undefined,
  serverInfo: RawJson,
): RawJson {
  if (meta === undefined)
    return rawSet(result, '_meta', rawObject([[META.serverInfo, serverInfo]]));
  if (rawKind(meta) !== 'object') return result;
  if (rawGet(meta, META.serverInfo) !== undefined) return result;
  return rawSet(result, '_meta', rawSet(meta, META.serverInfo, serverInfo));
}

/**
 * What a modern upstream calls `public` was still decided for this caller, so no shared cache may keep it (section 7).
 * Everything else stays byte for byte.
 */
export function keepPrivate(method: string, result: RawJson): RawJson {
  if (!isCacheable(method) || !result.includes('cacheScope')) return result;
  const scope = rawGet(result, 'cacheScope');
  return scope === undefined || scope === PRIVATE ? result : rawSet(result, 'cacheScope', PRIVATE);
}
