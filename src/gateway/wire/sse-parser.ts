/** One dispatched event. `id` and `retry` are those of this block alone. */
export interface SseEvent {
  /** `message` when the block named none. */
  readonly event: string;
  readonly data: string;
  readonly id: string | undefined;
  /** Milliseconds. */
  readonly retry: number | undefined;
}

export interface SseParserOptions {
  /** Bytes of one block (decoded text counts, so at most this many bytes); also the longest line. */
  readonly maxEventBytes: number;
  readonly onEvent: (event: SseEvent) => void;
  /** Called at most once; the parser ignores everything after it. */
  readonly onError: (problem: string) => void;
}

export interface SseParser {
  push(chunk: Uint8Array): void;
  /** End of the stream: an unfinished block is dropped, as WHATWG HTML 9.2.6 says. */
  end(): void;
  /** As WHATWG keeps it: survives blocks without an id. */
  lastEventId(): string | undefined;
  /** The last `retry` seen, also in a block without data. Milliseconds. */
  retry(): number | undefined;
}

/**
 * Incremental `text/event-stream` parser (WHATWG HTML 9.2.6): CR, LF and CRLF, `data` over several lines, comments, a
 * leading byte order mark, UTF-8 across chunk borders. Stricter than the standard in two ways: invalid UTF-8 and blocks
 * over the limit are errors. A block dispatches when it has at least one `data` line, empty or not.
 */
export function createSseParser(options: SseParserOptions): SseParser {
  const { maxEventBytes, onEvent, onError } = options;
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let dead = false;
  let tail = '';
  let skipLf = false;
  let size = 0;
  let event = '';
  let data: string | undefined;
  let id: string | undefined;
  let retry: number | undefined;
  let lastId: string | undefined;
  let lastRetry: number | undefined;

  const fail = (problem: string): void => {
    if (dead) return;
    dead = true;
    tail = '';
    data = undefined;
    onError(problem);
  };

  const dispatch = (): void => {
    const ready = data;
    const block = { event: event === '' ? 'message' : event, id, retry };
    event = '';
    data = undefined;
    id = undefined;
    retry = undefined;
    size = 0;
    if (ready !== undefined) onEvent({ ...block, data: ready });
  };

  const field = (line: string): void => {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.charCodeAt(0) === 0x20) value = value.slice(1);
    if (name === 'data') data = data === undefined ? value : `${data}\n${value}`;
    else if (name === 'event') event = value;
    else if (name === 'id' && !value.includes('\0')) {
      id = value;
      lastId = value;
    } else if (name === 'retry' && /^\d{1,15}$/.test(value)) {
      retry = Number(value);
      lastRetry = retry;
    }
  };

  const take = (line: string): void => {
    if (line === '') {
      dispatch();
      return;
    }
    // Comments are keep-alives: only their own length counts, never their number.
    if (line.charCodeAt(0) !== 0x3a) size += line.length;
    if (size > maxEventBytes || line.length > maxEventBytes) fail('an event is too large');
    else field(line);
  };

  const text = (chunk: string): void => {
    let start = 0;
    if (skipLf && chunk !== '') {
      skipLf = false;
      if (chunk.charCodeAt(0) === 0x0a) start = 1;
    }
    let lf = chunk.indexOf('\n', start);
    let cr = chunk.indexOf('\r', start);
    while (!dead && (lf >= 0 || cr >= 0)) {
      const end = cr < 0 || (lf >= 0 && lf < cr) ? lf : cr;
      const line = tail + chunk.slice(start, end);
      tail = '';
      start = end + 1;
      if (end === cr) {
        if (start === chunk.length) skipLf = true;
        else if (chunk.charCodeAt(start) === 0x0a) start++;
        cr = chunk.indexOf('\r', start);
      }
      if (lf >= 0 && lf < start) lf = chunk.indexOf('\n', start);
      take(line);
    }
    if (dead) return;
    tail += chunk.slice(start);
    if (tail.length > maxEventBytes) fail('an event is too large');
  };

  return {
    push(chunk) {
      if (dead) return;
      let decoded: string;
      try {
        decoded = decoder.decode(chunk, { stream: true });
      } catch {
        fail('the stream is not valid UTF-8');
        return;
      }
      text(decoded);
    },
    end() {
      if (dead) return;
      try {
        decoder.decode();
      } catch {
        fail('the stream is not valid UTF-8');
        return;
      }
      dead = true;
      tail = '';
    },
    lastEventId: () => lastId,
    retry: () => lastRetry,
  };
}

/**
 * One block as text, blank line included. Line ends inside `data` start a new `data:` line, so CR and CRLF arrive as
 * LF; JSON holds them only between tokens. `id` and `event` must be free of CR, LF and NUL (ours always are).
 */
export function encodeSse(block: {
  event?: string;
  data?: string;
  id?: string;
  retry?: number;
}): string {
  let out = '';
  if (block.event !== undefined) out += `event: ${block.event}\n`;
  if (block.id !== undefined) out += `id: ${block.id}\n`;
  if (block.retry !== undefined) out += `retry: ${block.retry}\n`;
  if (block.data !== undefined) {
    const data = /[\r\n]/.test(block.data)
      ? block.data.replace(/\r\n|\r|\n/g, '\ndata: ')
      : block.data;
    out += `data: ${data}\n`;
  }
  return `${out}\n`;
}

/** A comment block: keeps proxies from cutting a quiet stream. */
export const SSE_COMMENT = ':\n\n';
