import { open } from 'node:fs/promises';
import { MAX_LINE_BYTES } from './line.ts';

/** A line with its place. `complete` is false for bytes after the last line feed. `text` is undefined for invalid UTF-8. */
export interface RawLine {
  readonly text: string | undefined;
  readonly offset: number;
  readonly bytes: number;
  readonly complete: boolean;
}

const CHUNK = 256 * 1024;

/**
 * Streams the lines of a file from `offset`. Constant memory: a line beyond `MAX_LINE_BYTES` is cut there and given out as
 * one unreadable line, after which reading stops.
 */
export async function* readLines(path: string, offset = 0): AsyncGenerator<RawLine> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const decode = (bytes: Uint8Array): string | undefined => {
    try {
      return decoder.decode(bytes);
    } catch {
      return undefined;
    }
  };
  const file = await open(path, 'r');
  try {
    const chunk = Buffer.allocUnsafe(CHUNK);
    let rest: Buffer = Buffer.alloc(0);
    let at = offset;
    let position = offset;
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK, position);
      if (bytesRead === 0) break;
      position += bytesRead;
      let data =
        rest.length === 0
          ? chunk.subarray(0, bytesRead)
          : Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      for (;;) {
        const end = data.indexOf(10);
        if (end < 0) break;
        yield { text: decode(data.subarray(0, end)), offset: at, bytes: end + 1, complete: true };
        at += end + 1;
        data = data.subarray(end + 1);
      }
      if (data.length > MAX_LINE_BYTES) {
        yield { text: undefined, offset: at, bytes: data.length, complete: false };
        return;
      }
      rest = Buffer.from(data);
    }
    if (rest.length > 0)
      yield { text: decode(rest), offset: at, bytes: rest.length, complete: false };
  } finally {
    await file.close();
  }
}
