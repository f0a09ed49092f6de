import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { BodyMeter, BodyRefusal } from './body-budget.ts';

export type BodyOutcome =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'no_room'; readonly status: BodyRefusal }
  | { readonly kind: 'not_utf8' };

/**
 * Collects a body of at most `maxBytes` and calls `done` once; never when the client goes away first. How long that may
 * take is the server's `requestTimeout`. `announced` bytes (Content-Length, of an admitted caller) are metered before any of
 * them arrives; without them each chunk is as it comes.
 */
export function readBody(
  req: IncomingMessage,
  maxBytes: number,
  meter: BodyMeter,
  announced: number | undefined,
  done: (outcome: BodyOutcome) => void,
): void {
  let first: Buffer | undefined;
  let rest: Buffer[] | undefined;
  let size = 0;
  let over = false;
  const end = (outcome: BodyOutcome): void => {
    over = true;
    first = undefined;
    rest = undefined;
    meter.release();
    done(outcome);
  };
  const full = announced === undefined ? undefined : meter.take(announced);
  if (full !== undefined) {
    end({ kind: 'no_room', status: full });
    return;
  }
  req.on('close', () => meter.release());
  req.on('data', (chunk: Buffer) => {
    if (over) return;
    size += chunk.length;
    if (size > maxBytes) {
      end({ kind: 'too_large' });
      return;
    }
    const status = announced === undefined ? meter.take(chunk.length) : undefined;
    if (status !== undefined) end({ kind: 'no_room', status });
    else if (first === undefined) first = chunk;
    else if (rest === undefined) rest = [first, chunk];
    else rest.push(chunk);
  });
  req.on('end', () => {
    if (over) return;
    const bytes = rest === undefined ? first : Buffer.concat(rest, size);
    if (bytes === undefined) end({ kind: 'text', text: '' });
    else if (!isUtf8(bytes)) end({ kind: 'not_utf8' });
    else end({ kind: 'text', text: bytes.toString('utf8') });
  });
}
