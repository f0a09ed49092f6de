import type { Random } from '../../kernel/index.ts';
import type { CallTrace } from '../pipeline/call-context.ts';

const POOL_BYTES = 4_096;
// W3C Trace Context level 1, section 3.2: version 00, lower-case hex, neither id all zero.
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;
const ZERO_TRACE = '0'.repeat(32);
const ZERO_SPAN = '0'.repeat(16);

export interface Tracer {
  /** Our span for one call: inside the client's trace when it sent a valid `traceparent`, else a new trace. */
  start(traceparent: string | undefined): CallTrace;
}

/** Ids come from a pool of random bytes, since one system call per span would cost more than the rest of the step. */
export function createTracer(random: Random): Tracer {
  let pool = '';
  let at = 0;
  const hex = (bytes: number): string => {
    if (at + bytes * 2 > pool.length) {
      pool = Buffer.from(random.bytes(POOL_BYTES)).toString('hex');
      at = 0;
    }
    const text = pool.slice(at, at + bytes * 2);
    at += bytes * 2;
    return text;
  };
  return {
    start(traceparent) {
      const match = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
      const traceId = match?.[1];
      const parent = match?.[2];
      if (
        traceId === undefined ||
        parent === undefined ||
        traceId === ZERO_TRACE ||
        parent === ZERO_SPAN
      ) {
        return { traceId: hex(16), spanId: hex(8), parent: undefined };
      }
      return { traceId, spanId: hex(8), parent };
    },
  };
}

/** What the upstream gets as its parent: our span. */
export const traceparentOf = (trace: CallTrace): string => `00-${trace.traceId}-${trace.spanId}-01`;
