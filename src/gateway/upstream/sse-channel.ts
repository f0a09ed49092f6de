import { sendControl } from './control-post.ts';
import type { ChannelHandler, DuplexChannel } from './duplex-channel.ts';
import { type EventStream, openEventStream } from './event-stream.ts';
import type { HttpTarget } from './http-target.ts';
import { postHeaders, pushConfigured, streamHeaders } from './request-headers.ts';

const MAX_QUEUED = 64;

/**
 * The HTTP+SSE transport of 2024-11-05 (deprecated, still served): a GET stream whose first event, `endpoint`, says where
 * to POST. The endpoint must be on the same origin, or a server could send our credentials elsewhere.
 */
export function createSseChannel(target: HttpTarget): DuplexChannel {
  let handler: ChannelHandler | undefined;
  let stream: EventStream | undefined;
  let endpoint: HttpTarget | undefined;
  let queue: string[] = [];
  let closing = false;
  let ended = false;
  let posting = 0;
  const done = Promise.withResolvers<void>();

  const end = (problem: string): void => {
    if (ended) return;
    ended = true;
    stream?.close();
    queue = [];
    done.resolve();
    handler?.onEnd({ problem, unexpected: !closing });
  };

  const post = (text: string): void => {
    if (endpoint === undefined) {
      queue.push(text);
      return;
    }
    const headers = postHeaders();
    pushConfigured(headers, target);
    posting++;
    void sendControl(endpoint, 'POST', headers, text).then((status) => {
      posting--;
      // Without an answer to the POST the message may or may not have arrived; the session is of no more use.
      if (status === undefined || status >= 300) end('its message endpoint refused a message');
    });
  };

  const useEndpoint = (data: string): void => {
    if (endpoint !== undefined) return;
    const url = URL.parse(data, target.url.href);
    if (url === null || url.origin !== target.url.origin) {
      target.deps.onFault({
        server: target.server,
        kind: 'bad_handshake',
        detail: 'a message endpoint on another origin',
      });
      end('its message endpoint is on another origin');
      return;
    }
    endpoint = {
      ...target,
      path: url.pathname + url.search,
      endpointUrl: url.origin + url.pathname,
    };
    const waiting = queue;
    queue = [];
    for (const text of waiting) post(text);
  };

  return {
    open(given) {
      handler = given;
      const headers = streamHeaders();
      pushConfigured(headers, target);
      stream = openEventStream(target, {
        reconnect: false,
        headers: () => headers,
        onMessage: (text) => given.onLine(text),
        onEvent: (event, data) => {
          if (event === 'endpoint') useEndpoint(data);
        },
        onEnd: (status) =>
          end(status === undefined ? 'its event stream ended' : `it answered with HTTP ${status}`),
      });
    },
    send(text) {
      if (!closing && !ended) post(text);
    },
    saturated: () => queue.length > MAX_QUEUED || posting > MAX_QUEUED,
    close() {
      closing = true;
      // Not from inside a handler of the link: it may be in the middle of its own bookkeeping.
      queueMicrotask(() => end('the gateway closed it'));
    },
    closed: () => done.promise,
  };
}
