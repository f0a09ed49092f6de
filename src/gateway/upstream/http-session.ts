import type { AppError } from '../../kernel/index.ts';
import type { ClientFacts, RawJson, UpstreamInfo } from '../model.ts';
import { encodeNotification, encodeRequest } from '../wire/message.ts';
import { sendControl } from './control-post.ts';
import type { FaultMeter } from './fault-meter.ts';
import { initializeParams, readInitialize } from './handshake.ts';
import { HttpCall } from './http-call.ts';
import type { HttpTarget } from './http-target.ts';
import { postHeaders, pushConfigured, streamHeaders } from './request-headers.ts';
import { brokeProtocol, unavailable } from './upstream-errors.ts';

/** A legacy session at the server: its id, if the server minted one, and what both agreed on. */
export interface HttpSession {
  readonly id: string | undefined;
  readonly info: UpstreamInfo;
}

export type InitializeOutcome =
  | { readonly kind: 'session'; readonly session: HttpSession }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'fault'; readonly error: AppError };

/** `initialize` and `notifications/initialized` over Streamable HTTP (2025-03-26 and later). Never rejects. */
export function initializeSession(
  target: HttpTarget,
  client: ClientFacts,
  meter: FaultMeter,
  signal: AbortSignal | undefined,
): Promise<InitializeOutcome> {
  const { server, deps } = target;
  return new Promise((resolve) => {
    const headers = postHeaders();
    pushConfigured(headers, target);
    const call = new HttpCall(target, {
      id: '0',
      body: encodeRequest('0' as RawJson, 'initialize', initializeParams(client)),
      headers,
      signal,
      timeoutMs: deps.limits.connectMs,
      use: 'calls',
      meter,
      batches: true,
      resume: undefined,
      onMessage: () => {},
      // `initialize` must not be cancelled (MCP lifecycle).
      onAbandon: () => {},
      onOutcome(outcome, done) {
        if (outcome.kind !== 'answer') return resolve(outcome);
        if (outcome.answer.kind === 'error') {
          return resolve({ kind: 'fault', error: unavailable(server, 'it refused the handshake') });
        }
        const id = done.header('mcp-session-id');
        const info = readInitialize(outcome.answer.result);
        if (!info.ok) {
          deps.onFault({ server, kind: 'bad_handshake', detail: info.error });
          return resolve({ kind: 'fault', error: unavailable(server, info.error) });
        }
        if (id !== undefined && !/^[\x21-\x7e]{1,1024}$/.test(id)) {
          deps.onFault({
            server,
            kind: 'bad_handshake',
            detail: 'a session id that is not visible ASCII',
          });
          return resolve({
            kind: 'fault',
            error: brokeProtocol(server, 'its session id is not usable'),
          });
        }
        const session: HttpSession = { id, info: info.value };
        const body = encodeNotification('notifications/initialized');
        // Servers may refuse requests before it, so it goes first.
        void sendControl(target, 'POST', sessionHeaders(target, session), body).then(() =>
          resolve({ kind: 'session', session }),
        );
      },
    });
    call.start();
  });
}

/** Headers of a POST in a session. */
export function sessionHeaders(target: HttpTarget, session: HttpSession): string[] {
  const headers = postHeaders();
  pushSession(headers, session);
  pushConfigured(headers, target);
  return headers;
}

/** Headers of a GET in a session; `lastEventId` continues a broken stream. */
export function sessionStreamHeaders(
  target: HttpTarget,
  session: HttpSession,
  lastEventId: string | undefined,
): string[] {
  const headers = streamHeaders();
  pushSession(headers, session);
  // An id the server chose goes back as a header only when it fits one.
  if (lastEventId !== undefined && /^[\x20-\x7e]{1,1024}$/.test(lastEventId)) {
    headers.push('last-event-id', lastEventId);
  }
  pushConfigured(headers, target);
  return headers;
}

export function pushSession(headers: string[], session: HttpSession): void {
  headers.push('mcp-protocol-version', session.info.revision);
  if (session.id !== undefined) headers.push('mcp-session-id', session.id);
}
