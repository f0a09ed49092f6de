import type { ForwardTarget, InboundRequest, RawJson } from '../model.ts';
import { META } from '../wire/envelope.ts';
import { rawAsString, rawGet, rawKind, rawObject, rawSet, rawString } from '../wire/raw-json.ts';

/**
 * Writes W3C trace context into `params._meta` (SEP-414). Our own span, when the target carries one, is the parent of
 * the upstream; otherwise what the client sent. Params without trace context stay the same bytes.
 */
export function withTrace(request: InboundRequest, target: ForwardTarget): RawJson | undefined {
  const parent = target.extraHeaders['traceparent'] ?? request.traceparent;
  if (parent === undefined) return target.params;
  const state = target.extraHeaders['tracestate'] ?? request.tracestate;
  const entries: Array<readonly [string, RawJson]> = [[META.traceparent, rawString(parent)]];
  if (state !== undefined) entries.push([META.tracestate, rawString(state)]);
  const params = target.params;
  if (params === undefined) return rawObject([['_meta', rawObject(entries)]]);
  const old = rawGet(params, '_meta');
  if (old === undefined || rawKind(old) !== 'object')
    return rawSet(params, '_meta', rawObject(entries));
  let meta = old;
  for (const [key, value] of entries) {
    const present = rawGet(meta, key);
    if (present === value || (present !== undefined && rawAsString(present) === rawAsString(value)))
      continue;
    meta = rawSet(meta, key, value);
  }
  return meta === old ? params : rawSet(params, '_meta', meta);
}
