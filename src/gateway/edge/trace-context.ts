import type { RawJson } from '../model.ts';
import { META, metaString } from '../wire/envelope.ts';
import type { Head } from './head.ts';

/** W3C trace context of a client: `_meta` wins over headers; malformed values are as good as none. */
export function traceContext(
  params: RawJson | undefined,
  head: Head,
): { readonly traceparent: string | undefined; readonly tracestate: string | undefined } {
  const inMeta = params?.includes('"trace') === true;
  const traceparent =
    (inMeta ? metaString(params, META.traceparent) : undefined) ?? head.traceparent;
  if (
    traceparent === undefined ||
    !/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent)
  ) {
    return NONE;
  }
  const tracestate = (inMeta ? metaString(params, META.tracestate) : undefined) ?? head.tracestate;
  const usable =
    tracestate !== undefined && tracestate.length <= 512 && /^[\x20-\x7e]+$/.test(tracestate);
  return { traceparent, tracestate: usable ? tracestate : undefined };
}

const NONE = { traceparent: undefined, tracestate: undefined };
