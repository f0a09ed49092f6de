import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../kernel/clock.ts';
import { type GatewayCall, pause } from './gateway-call.ts';
import { readBody } from './http-request.ts';
import { ShimError } from './ports.ts';
import { readEvents } from './read-events.ts';

export interface LegacySession {
  isOpen(): boolean;
  /** Headers of a message in the session; undefined before `initialize` was answered. */
  headers(): Record<string, string> | undefined;
  /** Sends `initialize` and takes the session from its answer, which is returned unread. */
  initialize(line: string, signal: AbortSignal): Promise<IncomingMessage>;
  /** The client is ready: opens the stream of what the gateway says by itself. */
  initialized(line: string): void;
  /** The gateway forgot the session: repeats the client's handshake. Callers at once share one. */
  reopen(signal: AbortSignal): Promise<void>;
  close(limitMs: number): Promise<void>;
}

export interface LegacySessionDeps {
  readonly call: GatewayCall;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly emit: (json: string) => Promise<void>;
  readonly note: (text: string) => void;
}

const POST_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};
const MAX_EVENT = 64 * 1024 * 1024;
const MAX_HANDSHAKE = 4 * 1024 * 1024;
const MAX_WAIT_MS = 30_000;

/** Session of a client of 2025-11-25 or before (Streamable HTTP, session management and listening). */
export function createSession(deps: LegacySessionDeps): LegacySession {
  const { call, clock, signal: whole, emit, note } = deps;
  let id: string | undefined;
  let version: string | undefined;
  let handshake: string | undefined;
  let readyLine: string | undefined;
  let reopening: Promise<void> | undefined;
  let listening: AbortController | undefined;

  const headers = (): Record<string, string> | undefined =>
    version === undefined
      ? undefined
      : { 'mcp-protocol-version': version, ...(id === undefined ? {} : { 'mcp-session-id': id }) };

  const begin = async (line: string, signal: AbortSignal) => {
    const response = await call({ method: 'POST', headers: POST_HEADERS, body: line, signal });
    if (response.statusCode !== 200) return response;
    const given = response.headers['mcp-session-id'];
    const body = await readBody(response, MAX_HANDSHAKE);
    const { result } = JSON.parse(body) as { result?: { protocolVersion?: unknown } };
    if (typeof result?.protocolVersion === 'string') {
      id = typeof given === 'string' ? given : undefined;
      version = result.protocolVersion;
      handshake = line;
    }
    return replay(response, body);
  };

  async function listen(signal: AbortSignal): Promise<void> {
    let lastId: string | undefined;
    for (let quiet = 0; !signal.aborted; quiet += 1) {
      try {
        const response = await call({
          method: 'GET',
          headers: {
            ...headers(),
            accept: 'text/event-stream',
            ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
          },
          signal,
        });
        if (response.statusCode !== 200) {
          response.resume();
          // 404 and 405: no session or no such stream; the next message of the client finds out.
          if ((response.statusCode ?? 500) < 500 && lastId === undefined) return;
          lastId = undefined;
        } else {
          for await (const event of readEvents(response, MAX_EVENT)) {
            quiet = 0;
            lastId = event.id ?? lastId;
            if (event.data !== '') await emit(event.data);
          }
        }
      } catch {
        // Ended or broke: comes back below.
      }
      await pause(clock, Math.min(500 * 2 ** Math.min(quiet, 6), MAX_WAIT_MS), signal);
    }
  }
  const restartListening = (): void => {
    listening?.abort();
    listening = new AbortController();
    void listen(AbortSignal.any([listening.signal, whole]));
  };

  const redo = async (signal: AbortSignal): Promise<void> => {
    if (handshake === undefined) return;
    const response = await begin(handshake, signal);
    if (response.statusCode !== 200)
      throw new ShimError('the gateway forgot the session and refuses a new one', 1);
    note('the gateway was restarted; the session was opened again');
    if (readyLine === undefined) return;
    const ready = await call({
      method: 'POST',
      headers: { ...POST_HEADERS, ...headers() },
      body: readyLine,
      signal,
    });
    ready.resume();
    restartListening();
  };

  return {
    isOpen: () => version !== undefined,
    headers,
    initialize: (line, signal) => begin(line, signal),
    initialized(line) {
      readyLine = line;
      if (id !== undefined) restartListening();
    },
    reopen(signal) {
      reopening ??= redo(signal).finally(() => {
        reopening = undefined;
      });
      return reopening;
    },
    async close(limitMs) {
      listening?.abort();
      const own = headers();
      if (id === undefined || own === undefined || whole.aborted) return;
      const ended = new AbortController();
      const bye = call({ method: 'DELETE', headers: own, signal: ended.signal }).then(
        (response) => void response.resume(),
        () => undefined,
      );
      const waited = new AbortController();
      await Promise.race([bye, pause(clock, limitMs, waited.signal)]);
      waited.abort();
      ended.abort();
    },
  };
}

/** The answer again, for a reader that comes after its body was read. */
function replay(response: IncomingMessage, body: string): IncomingMessage {
  const { statusCode } = response;
  const again = {
    statusCode,
    headers: { ...response.headers, 'content-type': 'application/json' },
    destroy: () => again,
    async *[Symbol.asyncIterator]() {
      yield Buffer.from(body);
    },
  };
  return again as unknown as IncomingMessage;
}
