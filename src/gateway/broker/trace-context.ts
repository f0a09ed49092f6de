import type { ForwardTarget, InboundRequest, RawJson } from '../model.ts';
import { META } from '../wire/envelope.ts';
import { rawAsString, rawGet, rawKind, rawObject, rawSet, rawString } from '../wire/raw-json.ts';
import { findMember, skipBlanks, skipValue } from '../wire/raw-walk.ts';

/**
 * Writes W3C trace context into `params._meta` (SEP-414). Our own span, when the target carries one,
 * is the parent of the upstream; otherwise what the request says. Params without trace context stay
 * the same bytes.
 */
export function withTrace(request: InboundRequest, target: ForwardTarget): RawJson | undefined {
  const parent = target.extraHeaders['traceparent'] ?? request.traceparent;
  const { params } = target;
  if (parent === undefined) return params;
  const state = target.extraHeaders['tracestate'] ?? request.tracestate;
  const span = params === undefined ? undefined : metaSpan(params);
  const old = span && params?.slice(span.start, span.end);
  let meta = (old ?? '{}') as RawJson;
  if (rawKind(meta) !== 'object') meta = '{}' as RawJson;
  meta = withMember(meta, META.traceparent, parent);
  if (state !== undefined) meta = withMember(meta, META.tracestate, state);
  if (params === undefined) return rawObject([['_meta', meta]]);
  if (meta === old) return params;
  if (span === undefined) return append(params, meta);
  return (params.slice(0, span.start) + meta + params.slice(span.end)) as RawJson;
}

function withMember(meta: RawJson, key: string, value: string): RawJson {
  const present = rawGet(meta, key);
  if (present !== undefined && rawAsString(present) === value) return meta;
  return rawSet(meta, key, rawString(value));
}

/** `params` is known to have no `_meta`. */
function append(params: RawJson, meta: RawJson): RawJson {
  const close = params.lastIndexOf('}');
  const empty = skipBlanks(params, 1) === close;
  return `${params.slice(0, close)}${empty ? '' : ','}"_meta":${meta}${params.slice(close)}` as RawJson;
}

/**
 * Where the value of the root's `_meta` lies. Clients write it last, so it is looked for from the end: an unescaped
 * `"_meta"` before a colon is a key, and when nothing but the last brace follows its value it is a key of the root.
 * Anything else is walked, so large arguments cost nothing in the usual case.
 */
function metaSpan(params: RawJson): { readonly start: number; readonly end: number } | undefined {
  const at = params.lastIndexOf('"_meta"');
  if (at < 0) return params.includes('\\u') ? findMember(params, '_meta') : undefined;
  const colon = skipBlanks(params, at + 7);
  if (params.charCodeAt(at - 1) !== 0x5c && params.charCodeAt(colon) === 0x3a) {
    const start = skipBlanks(params, colon + 1);
    const end = skipValue(params, start);
    if (skipBlanks(params, end) === params.length - 1) return { start, end };
  }
  return findMember(params, '_meta');
}
