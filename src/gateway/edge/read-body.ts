import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';

export type BodyOutcome =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'not_utf8' };

/**
 * Collects a body of at most `maxBytes` and calls `done` once; never when the client goes away first. How long that may
 * take is the server's `requestTimeout`.
 */
export function readBody(
  req: IncomingMessage,
  maxBytes: number,
  done: (outcome: BodyOutcome) => void,
): void {
  let first: Buffer | undefined;
  let rest: Buffer[] | undefined;
  let size = 0;
  let over = false;
  req.on('data', (chunk: Buffer) => {
    if (over) return;
    size += chunk.length;
    if (size > maxBytes) {
      over = true;
      first = undefined;
      rest = undefined;
      done({ kind: 'too_large' });
    } else if (first === undefined) first = chunk;
    else if (rest === undefined) rest = [first, chunk];
    else rest.push(chunk);
  });
  req.on('end', () => {
    if (over) return;
    const bytes = rest === undefined ? first : Buffer.concat(rest, size);
    if (bytes === undefined) done({ kind: 'text', text: '' });
    else if (!isUtf8(bytes)) done({ kind: 'not_utf8' });
    else done({ kind: 'text', text: bytes.toString('utf8') });
  });
}
