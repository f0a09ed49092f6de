import type { FileHandle } from 'node:fs/promises';
import { CHUNK_BYTES, MAX_LINE_BYTES } from './limits.ts';

export interface Line {
  /** Without the line end. Valid until the next block is read. */
  readonly bytes: Buffer;
  /** Where it begins in the file. */
  readonly offset: number;
  /** `partial`: the file ends without a line end. `endless`: longer than any line may be. */
  readonly form: 'whole' | 'partial' | 'endless';
}

/**
 * The lines of a file from byte `from` on, in blocks so that a million lines do not cost a million
 * turns of the event loop. Memory is bounded by one chunk and one line; ends after an `endless` line.
 */
export async function* readLines(handle: FileHandle, from = 0): AsyncGenerator<Line[]> {
  let carry: Buffer = Buffer.alloc(0);
  let base = from;
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, base + carry.length);
    if (bytesRead === 0) break;
    const fresh = chunk.subarray(0, bytesRead);
    const data = carry.length === 0 ? fresh : Buffer.concat([carry, fresh]);
    const lines: Line[] = [];
    let start = 0;
    for (;;) {
      const end = data.indexOf(10, start);
      if (end === -1) break;
      const form = end - start > MAX_LINE_BYTES ? 'endless' : 'whole';
      lines.push({ bytes: data.subarray(start, end), offset: base + start, form });
      if (form === 'endless') {
        yield lines;
        return;
      }
      start = end + 1;
    }
    carry = data.subarray(start);
    base += start;
    if (carry.length > MAX_LINE_BYTES) {
      lines.push({ bytes: carry, offset: base, form: 'endless' });
      yield lines;
      return;
    }
    if (lines.length > 0) yield lines;
  }
  if (carry.length > 0) yield [{ bytes: carry, offset: base, form: 'partial' }];
}
