import { StringDecoder } from 'node:string_decoder';

export interface ServerEvent {
  readonly data: string;
  /** Last id seen on the stream, for `Last-Event-ID`. */
  readonly id: string | undefined;
}

/** Events of a `text/event-stream` (WHATWG, server-sent events). Throws when one is longer than `limit` characters. */
export async function* readEvents(
  stream: AsyncIterable<Buffer>,
  limit: number,
): AsyncGenerator<ServerEvent, void, void> {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  let data: string[] = [];
  let size = 0;
  let id: string | undefined;
  for await (const chunk of stream) {
    pending += decoder.write(chunk);
    let start = 0;
    for (;;) {
      const end = lineEnd(pending, start);
      if (end === undefined) break;
      const line = pending.slice(start, end.at);
      start = end.next;
      if (line === '') {
        if (data.length > 0 || id !== undefined) yield { data: data.join('\n'), id };
        data = [];
        size = 0;
        continue;
      }
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'data') {
        data.push(value);
        size += value.length;
      } else if (field === 'id' && !value.includes('\0')) id = value;
    }
    pending = pending.slice(start);
    if (pending.length + size > limit) throw new Error('an event is too large');
  }
}

/** CR, LF and CRLF end a line; a CR at the very end waits for what follows. */
function lineEnd(text: string, from: number): { at: number; next: number } | undefined {
  const lf = text.indexOf('\n', from);
  const cr = text.indexOf('\r', from);
  if (cr < 0 || (lf >= 0 && lf < cr)) return lf < 0 ? undefined : { at: lf, next: lf + 1 };
  if (cr === text.length - 1) return undefined;
  return { at: cr, next: text[cr + 1] === '\n' ? cr + 2 : cr + 1 };
}
