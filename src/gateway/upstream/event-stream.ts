import type { Dispatcher } from 'undici';
import type { Timer } from '../../kernel/index.ts';
import { createSseParser, type SseParser } from '../wire/sse-parser.ts';
import { backOffMs } from './back-off.ts';
import {
  answerChallenge,
  type Credentialed,
  credentialsOf,
  isRefusal,
  MAX_CREDENTIAL_RETRIES,
  noteNonce,
} from './credentials.ts';
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
  let stamp: number | undefined;
  let retries = 0;

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

  const handler = (): Dispatcher.DispatchHandler => {
    // Its answer was a challenge: the end of that response is not the end of the stream.
    let challenged = false;
    return {
      onRequestStart(started) {
        controller = started;
        if (closed) started.abort(new Error('closed'));
      },
      onResponseStart(started, status, headers) {
        if (status < 200 || closed) return;
        noteNonce(target, headers);
        const type = String(headers['content-type'] ?? '');
        if (status === 200 && /^text\/event-stream\b/i.test(type)) {
          retries = 0;
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
        const challenge =
          retries < MAX_CREDENTIAL_RETRIES
            ? answerChallenge(target, status, headers, stamp)
            : undefined;
        if (challenge !== undefined) {
          retries++;
          challenged = true;
          started.abort(new Error('not read'));
          void challenge.then((answer) => {
            if (answer === 'retry') connect();
            else end(status);
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
      onResponseEnd: () => {
        if (!challenged) again();
      },
      onResponseError: () => {
        if (!challenged) again();
      },
    };
  };

  function connect(): void {
    if (closed) return;
    const given = credentialsOf(target, 'GET');
    if (given instanceof Promise) void given.then(dispatch);
    else dispatch(given);
  }
  function dispatch(given: Credentialed): void {
    if (closed) return;
    if (given !== undefined && isRefusal(given)) {
      end(401);
      return;
    }
    stamp = given?.stamp;
    const headers = [...options.headers(lastEventId), ...(given?.headers ?? [])];
    target
      .pool('streams')
      .dispatch({ path: target.path, method: 'GET', headers, body: null }, handler());
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
