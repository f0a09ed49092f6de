import type { RawJson, UpstreamInfo } from '../model.ts';
import { META } from '../wire/envelope.ts';
import { rawGet, rawKind, rawObject, rawSet, rawString } from '../wire/raw-json.ts';
import { type Member, walkMembers } from '../wire/raw-walk.ts';

const COMPLETE = rawString('complete');
const PRIVATE = rawString('private');
const ZERO = '0' as RawJson;

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
 * A result of a legacy upstream for a modern client (table 4.2): `resultType: "complete"` whatever
 * the upstream wrote there, no caching beyond this caller, the server's own name for display. One
 * pass; bytes of other members stay.
 */
export function resultForModern(method: string, result: RawJson, info: UpstreamInfo): RawJson {
  const cacheable = isCacheable(method);
  const wanted = new Map<string, RawJson>([['resultType', COMPLETE]]);
  if (cacheable) wanted.set('ttlMs', ZERO).set('cacheScope', PRIVATE);
  const edits: Array<{ readonly at: Member; readonly value: RawJson }> = [];
  let meta: Member | undefined;
  let empty = true;
  const isObject = walkMembers(result, (member) => {
    empty = false;
    const value = wanted.get(member.key);
    if (value !== undefined) {
      wanted.delete(member.key);
      edits.push({ at: member, value });
    } else if (member.key === '_meta') {
      meta = member;
      const named = withServerInfo(
        result.slice(member.start, member.end) as RawJson,
        info.serverInfo,
      );
      edits.push({ at: member, value: named });
    }
    return false;
  });
  if (!isObject) return result;
  let head = '';
  for (const [key, value] of wanted) head += `"${key}":${value},`;
  if (meta === undefined) head += `"_meta":{"${META.serverInfo}":${info.serverInfo}},`;
  let text = '';
  let from = result.indexOf('{') + 1;
  for (const { at, value } of edits) {
    text += result.slice(from, at.start) + value;
    from = at.end;
  }
  return `{${empty ? head.slice(0, -1) : head}${text}${result.slice(from)}` as RawJson;
}

/** Names the server unless the result does so itself. */
function withServerInfo(meta: RawJson, serverInfo: RawJson): RawJson {
  if (rawKind(meta) !== 'object') return rawObject([[META.serverInfo, serverInfo]]);
  return rawGet(meta, META.serverInfo) === undefined
    ? rawSet(meta, META.serverInfo, serverInfo)
    : meta;
}

/**
 * What a modern upstream calls `public` was still decided for this caller, so no shared cache may
 * keep it (section 7). Everything else stays byte for byte.
 */
export function keepPrivate(method: string, result: RawJson): RawJson {
  if (!isCacheable(method) || !result.includes('cacheScope')) return result;
  const scope = rawGet(result, 'cacheScope');
  return scope === undefined || scope === PRIVATE ? result : rawSet(result, 'cacheScope', PRIVATE);
}
