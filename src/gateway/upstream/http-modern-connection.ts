import { Roster } from '../../kernel/index.ts';
import type {
  ClientFacts,
  RawJson,
  UpstreamAnswer,
  UpstreamInfo,
  UpstreamRequest,
} from '../model.ts';
import { CODES } from '../wire/codes.ts';
import { encodeNotification, encodeRequest } from '../wire/message.ts';
import { rawGet } from '../wire/raw-json.ts';
import { sendControl } from './control-post.ts';
import { createFaultMeter } from './fault-meter.ts';
import { modernParams } from './handshake.ts';
import { HttpCall } from './http-call.ts';
import { speaksOfEra, statusFault } from './http-status.ts';
import type { HttpTarget } from './http-target.ts';
import { createConnectionEvents, type ManagedConnection } from './managed-connection.ts';
import { isChange, withoutSubscription } from './message-edits.ts';
import { openModernListen } from './modern-listen.ts';
import {
  postHeaders,
  pushConfigured,
  pushExtraHeaders,
  pushModernHeaders,
} from './request-headers.ts';
import { lost, overloaded, unavailable } from './upstream-errors.ts';

const NONE: Readonly<Record<string, string>> = {};

/**
 * A stateless upstream (2026-07-28 over HTTP) as one principal sees it. Sockets are shared by all principals of the
 * target; what is per principal is the listen streams and who hears of them. `onEraDoubt` runs when an answer suggests
 * that the server no longer speaks this revision.
 */
export function createModernConnection(
  target: HttpTarget,
  info: UpstreamInfo,
  onEraDoubt: () => void,
): ManagedConnection {
  const { server, deps } = target;
  const { limits } = deps;
  const events = createConnectionEvents(server, deps.logger);
  const meter = createFaultMeter({ server, clock: deps.clock, onFault: deps.onFault, ...limits });
  const live = new Roster<HttpCall>();
  let nextId = 1;
  let listeners = 0;

  const headersFor = (
    method: string,
    params: RawJson | undefined,
    request: Pick<UpstreamRequest, 'extraHeaders' | 'paramHeaders'>,
  ): string[] => {
    const headers = postHeaders();
    headers.push('mcp-protocol-version', info.revision);
    pushModernHeaders(headers, method, params, request.paramHeaders);
    pushExtraHeaders(headers, request.extraHeaders, target);
    pushConfigured(headers, target);
    return headers;
  };

  const send = (
    use: 'calls' | 'streams',
    method: string,
    headers: string[],
    params: RawJson,
    signal: AbortSignal,
    timeoutMs: number | undefined,
    onNotification: (method: string, params: RawJson | undefined) => void,
  ): Promise<UpstreamAnswer> =>
    new Promise((resolve, reject) => {
      if (events.ended()) return reject(unavailable(server, 'the connection was closed'));
      if (live.size >= limits.maxInFlight || target.load.open >= limits.maxServerInFlight)
        return reject(overloaded());
      const id = String(nextId++);
      const call = new HttpCall(target, {
        id,
        body: encodeRequest(id as RawJson, method, params),
        headers,
        signal,
        timeoutMs,
        use,
        meter,
        batches: false,
        resume: undefined,
        onMessage(message) {
          if (message.kind === 'notification') onNotification(message.method, message.params);
          else
            meter.report(
              'unexpected_request',
              'a request of the server, which its revision does not have',
            );
        },
        // Closing the stream is the cancellation (2026-07-28, cancellation over HTTP).
        onAbandon: () => {},
        onOutcome(outcome, done) {
          live.delete(done);
          if (outcome.kind === 'answer') {
            if (outcome.answer.kind === 'error' && isVersionError(outcome.answer.error))
              onEraDoubt();
            return resolve(outcome.answer);
          }
          if (outcome.kind === 'fault') return reject(outcome.error);
          if (outcome.error !== undefined && speaksOfEra(outcome.status)) {
            return resolve({ kind: 'error', error: outcome.error });
          }
          if (speaksOfEra(outcome.status)) onEraDoubt();
          reject(statusFault(server, outcome.status));
        },
      });
      live.add(call);
      call.start();
    });

  /** Progress and log messages belong to the call, everything else to whoever listens. */
  const routed =
    (request: UpstreamRequest) =>
    (method: string, params: RawJson | undefined): void => {
      if (isChange(method)) events.emit(method, withoutSubscription(params));
      else request.onNotification(method, params);
    };

  return {
    server,
    info,
    request: (request) =>
      send(
        'calls',
        request.method,
        headersFor(request.method, request.params, request),
        modernParams(request.params, request.client),
        request.signal,
        request.timeoutMs,
        routed(request),
      ),
    notify(method, params) {
      if (events.ended()) return;
      const headers = headersFor(method, params, { extraHeaders: NONE, paramHeaders: NONE });
      void sendControl(target, 'POST', headers, encodeNotification(method, params));
    },
    onNotification: events.onNotification,
    tap: events.tap,
    onClose: events.onClose,
    async listen(filter, client: ClientFacts, signal) {
      const listener = await openModernListen(
        {
          server,
          deps,
          emit: events.emit,
          ended: events.ended,
          stream: (params, _client, streamSignal, onNotification) => {
            const headers = headersFor('subscriptions/listen', params, {
              extraHeaders: NONE,
              paramHeaders: NONE,
            });
            return send(
              'streams',
              'subscriptions/listen',
              headers,
              params,
              streamSignal,
              undefined,
              onNotification,
            );
          },
        },
        filter,
        client,
        signal,
      );
      listeners++;
      let open = true;
      const done = (): void => {
        if (!open) return;
        open = false;
        listeners--;
      };
      signal.addEventListener('abort', done, { once: true });
      return {
        acknowledged: listener.acknowledged,
        close() {
          done();
          signal.removeEventListener('abort', done);
          listener.close();
        },
      };
    },
    inFlight: () => live.size + listeners,
    watched: events.watched,
    close(reason) {
      if (events.ended()) return;
      events.end(reason);
      for (const call of live) call.fail(lost(server));
    },
    closed: () => Promise.resolve(),
    lastWords: () => undefined,
  };
}

function isVersionError(error: RawJson): boolean {
  return rawGet(error, 'code') === String(CODES.unsupportedVersion);
}
