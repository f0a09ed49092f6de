import type { Dispatcher } from 'undici';
import type { Timer } from '../../kernel/index.ts';
import { createSseParser, type SseParser } from '../wire/sse-parser.ts';
import { backOffMs } from './back-off.ts';
import type { HttpTarget } from './http-target.ts';

export interface EventStreamOptions {
  headers(lastEventId: string | undefined): string[];
  onMessage(text: string): void;
  onEvent?(event: string, data: string): void;
  /** For good: the server has no such stream (405), the session is gone (404), or it failed too often. */
  onEnd(status: number | undefined): void;
  /** False: the first end is the last (HTTP+SSE, where the stream is the session). */
  readonly reconnect: boolean;
}

export interface EventStream {
  close(): void;
}

/**
 * A GET stream that is kept open: continues after the last event id, waits as long as the server asked (`retry`, at most
 * 30 s) or a growing back-off, and gives up after `maxResumes` attempts in a row that brought nothing.
 */
export function openEventStream(target: HttpTarget, options: EventStreamOptions): EventStream {
  const { clock, limits, random } = target.deps;
  let controller: Dispatcher.DispatchController | undefined;
  let timer: Timer | undefined;
  let parser: SseParser | undefined;
  let lastEventId: string | undefined;
  let failures = 0;
  let closed = false;

  const end = (status: number | undefined): void => {
    if (closed) return;
    closed = true;
    options.onEnd(status);
  };

  const again = (): void => {
    const last = parser;
    parser = undefined;
    controller = undefined;
    if (closed) return;
    lastEventId = last?.lastEventId() ?? lastEventId;
    failures++;
    if (!options.reconnect || failures > limits.maxResumes) {
      end(undefined);
      return;
    }
    const wished = Math.min(last?.retry() ?? 0, limits.backoffMaxMs);
    const delay = Math.max(wished, backOffMs(failures, 1_000, limits.backoffMaxMs, random));
    timer = clock.setTimeout(connect, delay);
  };

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started;
      if (closed) started.abort(new Error('closed'));
    },
    onResponseStart(started, status, headers) {
      if (status < 200 || closed) return;
      const type = String(headers['content-type'] ?? '');
      if (status === 200 && /^text\/event-stream\b/i.test(type)) {
        parser = createSseParser({
          maxEventBytes: limits.maxMessageBytes,
          onEvent: (event) => {
            if (closed) return;
            failures = 0;
            if (event.event === 'message') options.onMessage(event.data);
            else options.onEvent?.(event.event, event.data);
          },
          onError: () => started.abort(new Error('unreadable')),
        });
        return;
      }
      // Trouble that passes: try again. Anything else says that there is no stream.
      if (status < 500 && status !== 429) end(status === 200 ? 405 : status);
      started.abort(new Error('no stream'));
    },
    onResponseData(_controller, chunk) {
      parser?.push(chunk);
    },
    onResponseEnd: again,
    onResponseError: again,
  };

  function connect(): void {
    if (closed) return;
    const headers = options.headers(lastEventId);
    target
      .pool('streams')
      .dispatch({ path: target.path, method: 'GET', headers, body: null }, handler);
  }
  connect();

  return {
    close() {
      closed = true;
      timer?.cancel();
      controller?.abort(new Error('closed'));
    },
  };
}
