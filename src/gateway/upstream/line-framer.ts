import { isUtf8 } from 'node:buffer';

const NEWLINE = 0x0a;
/** How much of an oversized line is kept: enough to find the id at either end. */
const EDGE_BYTES = 512;

export interface LineHandler {
  onLine(text: string): void;
  /** A line that is not valid UTF-8; `text` is a lossy reading, good for finding an id only. */
  onInvalidUtf8(text: string): void;
  /** A line over the cap, reported once it ended; `edges` holds its first and last bytes. */
  onTooLarge(edges: string): void;
}

export interface LineFramer {
  push(chunk: Buffer): void;
}

/**
 * Cuts a byte stream at line feeds (MCP stdio transport). At most `maxBytes` of a line are held; the rest of a longer one
 * is thrown away as it arrives. Empty lines are skipped, a carriage return before the line feed is dropped.
 */
export function createLineFramer(maxBytes: number, handler: LineHandler): LineFramer {
  let parts: Buffer[] = [];
  let size = 0;
  let overflow: { readonly head: Buffer; tail: Buffer } | undefined;

  const keep = (bytes: Buffer): void => {
    if (overflow) {
      overflow.tail = lastBytes(Buffer.concat([overflow.tail, lastBytes(bytes)]));
      return;
    }
    if (size + bytes.length <= maxBytes) {
      // A view would keep the reader's whole chunk alive; a line across chunks is copied when joined anyway.
      parts.push(bytes);
      size += bytes.length;
      return;
    }
    const all = Buffer.concat([...parts, bytes]);
    overflow = {
      head: Buffer.from(all.subarray(0, EDGE_BYTES)),
      tail: Buffer.from(lastBytes(all)),
    };
    parts = [];
    size = 0;
  };

  const finish = (): void => {
    if (overflow) {
      const edges = `${overflow.head.toString('latin1')}\n${overflow.tail.toString('latin1')}`;
      overflow = undefined;
      handler.onTooLarge(edges);
      return;
    }
    const [first] = parts;
    let line = parts.length === 1 && first ? first : Buffer.concat(parts, size);
    parts = [];
    size = 0;
    if (line[line.length - 1] === 0x0d) line = line.subarray(0, -1);
    if (line.length === 0) return;
    if (isUtf8(line)) handler.onLine(line.toString('utf8'));
    else handler.onInvalidUtf8(line.toString('latin1'));
  };

  return {
    push(chunk) {
      let from = 0;
      for (;;) {
        const at = chunk.indexOf(NEWLINE, from);
        if (at < 0) break;
        if (at > from) keep(chunk.subarray(from, at));
        finish();
        from = at + 1;
      }
      if (from < chunk.length) keep(from === 0 ? chunk : chunk.subarray(from));
    },
  };
}

function lastBytes(bytes: Buffer): Buffer {
  return bytes.length <= EDGE_BYTES ? bytes : bytes.subarray(bytes.length - EDGE_BYTES);
}
