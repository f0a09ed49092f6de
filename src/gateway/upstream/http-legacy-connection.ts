import { Roster } from '../../kernel/index.ts';
import type { ClientFacts, RawJson, UpstreamAnswer, UpstreamRequest } from '../model.ts';
import { encodeNotification, encodeRequest, parseMessage } from '../wire/message.ts';
import { rawGet, rawObject, rawString } from '../wire/raw-json.ts';
import { type AskOwner, createAskDesk } from './ask-desk.ts';
import { sendControl } from './control-post.ts';
import { type EventStream, openEventStream } from './event-stream.ts';
import { createFaultMeter } from './fault-meter.ts';
import { HttpCall } from './http-call.ts';
import {
  type HttpSession,
  initializeSession,
  pushSession,
  sessionHeaders,
  sessionStreamHeaders,
} from './http-session.ts';
import { statusFault } from './http-status.ts';
import type { HttpTarget } from './http-target.ts';
import { createLegacyListen } from './legacy-listen.ts';
import { createConnectionEvents, type ManagedConnection } from './managed-connection.ts';
import { isChange } from './message-edits.ts';
import type { FaultKind } from './ports.ts';
import { postHeaders, pushConfigured, pushExtraHeaders } from './request-headers.ts';
import { lost, overloaded, unavailable } from './upstream-errors.ts';

const NONE: Readonly<Record<string, string>> = {};

type Outgoing = Pick<
  UpstreamRequest,
  'method' | 'params' | 'timeoutMs' | 'onNotification' | 'extraHeaders'
> & {
  readonly signal: AbortSignal | undefined;
  readonly onRequest: UpstreamRequest['onRequest'] | undefined;
};

/**
 * A session at a legacy Streamable HTTP server. Requests of the server are answered by the call on whose stream they
 * arrive. When the server forgot the session (404, which precedes execution) it is opened anew once and the request sent
 * again; subscriptions and the log level are restored.
 */
export function createLegacyConnection(
  target: HttpTarget,
  client: ClientFacts,
  first: HttpSession,
): ManagedConnection {
  const { server, deps } = target;
  const { limits } = deps;
  const events = createConnectionEvents(server, deps.logger);
  const meter = createFaultMeter({ server, clock: deps.clock, onFault: deps.onFault, ...limits });
  const scan = { maxDepth: limits.maxDepth, maxLength: limits.maxMessageBytes };
  const live = new Roster<HttpCall>();
  let session = first;
  let renewing: Promise<void> | undefined;
  let stream: EventStream | undefined;
  let streamRefused = false;
  let logLevel: RawJson | undefined;
  let nextId = 1;
  let farewell: Promise<unknown> = Promise.resolve();

  const control = (text: string): void => {
    if (!events.ended()) void sendControl(target, 'POST', sessionHeaders(target, session), text);
  };
  const fault = (kind: FaultKind, detail: string): void => {
    if (meter.report(kind, detail)) shut('too many protocol faults', true);
  };
  const desk = createAskDesk({
    maxAsks: limits.maxAsks,
    send: control,
    onFlood: () => fault('flood', 'too many requests of the server at once'),
  });

  const start = (
    out: Outgoing,
    mayRenew: boolean,
    resolve: (answer: UpstreamAnswer) => void,
    reject: (error: unknown) => void,
  ): void => {
    if (events.ended()) {
      reject(unavailable(server, 'the session was closed'));
      return;
    }
    if (live.size >= limits.maxInFlight || target.load.open >= limits.maxServerInFlight) {
      reject(overloaded());
      return;
    }
    const id = String(nextId++);
    const used = session;
    const headers = postHeaders();
    pushSession(headers, used);
    pushExtraHeaders(headers, out.extraHeaders, target);
    pushConfigured(headers, target);
    let owner: AskOwner | undefined;
    const ownOwner = (self: HttpCall): AskOwner => {
      owner ??= ownerOf(self, out.onRequest);
      return owner;
    };
    const call = new HttpCall(target, {
      id,
      body: encodeRequest(id as RawJson, out.method, out.params),
      headers,
      signal: out.signal,
      timeoutMs: out.timeoutMs,
      use: 'calls',
      meter,
      batches: used.info.revision === '2025-03-26',
      resume: (lastEventId) => sessionStreamHeaders(target, used, lastEventId),
      onMessage(message, self) {
        if (message.kind === 'request') {
          desk.take(ownOwner(self), message.id, message.method, message.params);
        } else if (message.method === 'notifications/cancelled') {
          cancelAsk(message.params);
        } else if (isChange(message.method)) {
          events.emit(message.method, message.params);
        } else {
          out.onNotification(message.method, message.params);
        }
      },
      onAbandon(reason) {
        control(
          encodeNotification(
            'notifications/cancelled',
            rawObject([
              ['requestId', id as RawJson],
              ['reason', rawString(reason)],
            ]),
          ),
        );
      },
      onOutcome(outcome, done) {
        live.delete(done);
        done.owner = undefined;
        if (owner !== undefined) desk.dismiss(owner);
        if (outcome.kind === 'answer') return resolve(outcome.answer);
        if (outcome.kind === 'fault') return reject(outcome.error);
        if (outcome.status === 404 && used.id !== undefined && mayRenew) {
          renew(used).then(() => start(out, false, resolve, reject), reject);
          return;
        }
        if (outcome.error !== undefined && outcome.ours) {
          resolve({ kind: 'error', error: outcome.error });
          return;
        }
        if (outcome.status === 404 && used.id !== undefined) {
          reject(unavailable(server, 'it keeps forgetting the session'));
          return;
        }
        if (outcome.error !== undefined && outcome.status === 400) {
          return resolve({ kind: 'error', error: outcome.error });
        }
        reject(statusFault(server, outcome.status));
      },
    });
    live.add(call);
    if (out.onRequest !== undefined) call.owner = () => ownOwner(call);
    call.start();
  };

  const request = (out: Outgoing): Promise<UpstreamAnswer> =>
    new Promise((resolve, reject) => start(out, true, resolve, reject));

  const own = (
    method: string,
    params: RawJson,
    signal: AbortSignal | undefined,
  ): Promise<UpstreamAnswer> =>
    request({
      method,
      params,
      signal,
      timeoutMs: limits.acknowledgeMs,
      extraHeaders: NONE,
      onNotification: events.emit,
      onRequest: undefined,
    });

  const legacy = createLegacyListen({ info: first.info, call: own });

  const renew = (stale: HttpSession): Promise<void> => {
    if (session !== stale) return Promise.resolve();
    renewing ??= initializeSession(target, client, meter, undefined).then((outcome) => {
      renewing = undefined;
      if (outcome.kind !== 'session') {
        const error =
          outcome.kind === 'fault' ? outcome.error : statusFault(server, outcome.status);
        shut('the session was lost', false);
        throw error;
      }
      if (events.ended()) throw unavailable(server, 'the session was closed');
      session = outcome.session;
      const hadStream = stream !== undefined;
      stream?.close();
      stream = undefined;
      if (hadStream) openStream();
      if (logLevel !== undefined) own('logging/setLevel', logLevel, undefined).catch(() => {});
      legacy.restore();
    });
    return renewing;
  };

  const cancelAsk = (params: RawJson | undefined): void => {
    const id = params === undefined ? undefined : rawGet(params, 'requestId');
    if (id !== undefined) desk.cancel(id);
  };

  /** Messages outside any request (2025-03-26, "listening for messages from the server"). */
  const openStream = (): void => {
    if (stream !== undefined || streamRefused || events.ended()) return;
    const used = session;
    stream = openEventStream(target, {
      reconnect: true,
      headers: (lastEventId) => sessionStreamHeaders(target, used, lastEventId),
      onMessage(text) {
        const parsed = parseMessage(text, scan);
        if (!parsed.ok)
          return void fault('malformed', `a message that can't be read: ${parsed.error.problem}`);
        const message = parsed.value;
        if (message.kind === 'response') {
          return void fault('unknown_id', 'an answer that belongs to no open request');
        }
        if (!meter.admitNotification()) return;
        if (message.kind === 'request') {
          // A question need not name the call it belongs to; servers also ask on this stream in the middle of one.
          desk.take(oldestThatCan(live)?.owner?.(), message.id, message.method, message.params);
        } else if (message.method === 'notifications/cancelled') cancelAsk(message.params);
        else events.emit(message.method, message.params);
      },
      onEnd(status) {
        stream = undefined;
        // 404: the session is gone, the next request notices and renews it.
        if (status !== undefined && status !== 404) streamRefused = true;
      },
    });
  };

  const shut = (reason: string, tell: boolean): void => {
    if (events.ended()) return;
    stream?.close();
    if (tell && session.id !== undefined) {
      farewell = sendControl(target, 'DELETE', sessionHeaders(target, session).slice(2), null);
    }
    events.end(reason);
    for (const call of live) call.fail(lost(server));
  };

  return {
    server,
    info: first.info,
    request(wanted) {
      const answered = request(wanted);
      if (wanted.method !== 'logging/setLevel' || wanted.params === undefined) return answered;
      const { params } = wanted;
      return answered.then((answer) => {
        if (answer.kind === 'result') logLevel = params;
        return answer;
      });
    },
    notify: (method, params) => control(encodeNotification(method, params)),
    onNotification(listener) {
      openStream();
      return events.onNotification(listener);
    },
    tap: events.tap,
    onClose: events.onClose,
    listen(filter, _client, signal) {
      openStream();
      return legacy.open(filter, signal);
    },
    inFlight: () => live.size + legacy.count(),
    watched: events.watched,
    close: (reason) => shut(reason, true),
    closed: () => farewell.then(() => {}),
    lastWords: () => undefined,
  };
}

/** Who answers a question that came outside any stream of a call: ids rise, so the lowest is the oldest. */
function oldestThatCan(live: Roster<HttpCall>): HttpCall | undefined {
  let oldest: HttpCall | undefined;
  for (const call of live) {
    if (call.owner === undefined) continue;
    if (oldest === undefined || Number(call.id) < Number(oldest.id)) oldest = call;
  }
  return oldest;
}

function ownerOf(call: HttpCall, responder: UpstreamRequest['onRequest'] | undefined): AskOwner {
  return {
    responder:
      responder === undefined
        ? undefined
        : (method, params, signal) => responder(method, params, signal),
    asks: undefined,
    hold: () => call.hold(),
    release: () => call.release(),
  };
}
