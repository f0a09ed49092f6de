import type { RawJson } from '../model.ts';
import { META } from '../wire/envelope.ts';
import { rawDelete, rawGet, rawMembers, rawObject, rawSet, rawString } from '../wire/raw-json.ts';
import { isUrlAsk } from './ask-capability.ts';

/**
 * A legacy server's request as an entry of `inputRequests` (2026-07-28): without `elicitationId` and `task`, which are
 * gone, and without the progress token and related task of its own leg. Everything else stays as it came.
 */
export function embeddedRequest(method: string, params: RawJson | undefined): RawJson {
  const entries: Array<readonly [string, RawJson]> = [['method', rawString(method)]];
  if (params !== undefined) entries.push(['params', embeddedParams(method, params)]);
  return rawObject(entries);
}

function embeddedParams(method: string, params: RawJson): RawJson {
  let next = rawDelete(params, 'task');
  if (isUrlAsk(method, next)) next = rawDelete(next, 'elicitationId');
  const meta = rawGet(next, '_meta');
  if (meta === undefined) return next;
  const rest = rawDelete(rawDelete(meta, META.progressToken), META.relatedTask);
  if (rest === meta) return next;
  return rawMembers(rest)?.size === 0 ? rawDelete(next, '_meta') : rawSet(next, '_meta', rest);
}

/** `input_required` with these questions (2026-07-28, multi round-trip requests). */
export function inputRequiredResult(
  asks: Iterable<readonly [string, RawJson]>,
  state: RawJson,
  serverInfo: RawJson,
): RawJson {
  return rawObject([
    ['resultType', rawString('input_required')],
    ['inputRequests', rawObject(asks)],
    ['requestState', state],
    ['_meta', rawObject([[META.serverInfo, serverInfo]])],
  ]);
}
