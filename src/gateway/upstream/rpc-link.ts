import { CellMap } from '../../kernel/index.ts';
import type { Era, RawJson, UpstreamAnswer } from '../model.ts';
import { META } from '../wire/envelope.ts';
import { encodeNotification, encodeRequest, parseMessage } from '../wire/message.ts';
import { rawGet, rawObject, rawSet, rawString } from '../wire/raw-json.ts';
import { type AskOwner, createAskDesk, type Responder } from './ask-desk.ts';
import { Deadline } from './deadline.ts';
import type { ChannelEnd, DuplexChannel } from './duplex-channel.ts';
import { createFaultMeter } from './fault-meter.ts';
import {
  salvageId,
  subscriptionOf,
  swapProgressToken,
  withoutSubscription,
} from './message-edits.ts';
import type { FaultKind, UpstreamDeps } from './ports.ts';
import {
  brokeProtocol,
  cancelled,
  lost,
  overloaded,
  timedOut,
  tooLarge,
  unavailable,
} from './upstream-errors.ts';

export interface LinkCall {
  readonly method: string;
  readonly params: RawJson | undefined;
  readonly signal: AbortSignal | undefined;
  /** Idle limit in milliseconds; undefined: open-ended (listen streams), no cap either. */
  readonly timeoutMs: number | undefined;
  onNotification(method: string, params: RawJson | undefined): void;
  /** Undefined: this call can't answer the server. */
  readonly onRequest: Responder | undefined;
}

export interface RpcLink {
  call(call: LinkCall): Promise<UpstreamAnswer>;
  notify(method: string, params: RawJson | undefined): void;
  onNotification(listener: (method: string, params: RawJson | undefined) => void): () => void;
  onEnd(listener: (end: ChannelEnd) => void): () => void;
  inFlight(): number;
  ended(): boolean;
  close(): void;
}

export interface RpcLinkOptions {
  readonly server: string;
  readonly era: Era;
  /**
   * False for a process shared by principals: log messages and requests of the server can't be attributed there, so
   * they go to nobody.
   */
  readonly exclusive: boolean;
}

interface Flight extends AskOwner {
  readonly id: string;
  readonly call: LinkCall;
  readonly token: RawJson | undefined;
  readonly deadline: Deadline | undefined;
  settle(answer: UpstreamAnswer | Error): void;
}

/** Ids of calls that ended without their answer; a late answer to one of them is no fault. */
const MAX_ABANDONED = 1024;

/**
 * JSON-RPC over a shared pipe. Own rising ids and progress tokens, so nothing a client or server chooses can collide.
 * Everything a server sends is bounded: message size and depth, notification rate, open asks, faults per minute.
 */
export function createRpcLink(
  channel: DuplexChannel,
  options: RpcLinkOptions,
  deps: UpstreamDeps,
): RpcLink {
  const { server, era, exclusive } = options;
  const { clock, limits } = deps;
  const meter = createFaultMeter({ server, clock, onFault: deps.onFault, ...limits });
  const flights = new CellMap<string, Flight>();
  const abandoned = new Set<string>();
  const listeners = new Set<(method: string, params: RawJson | undefined) => void>();
  const endListeners = new Set<(end: ChannelEnd) => void>();
  const scan = { maxDepth: limits.maxDepth, maxLength: limits.maxMessageBytes };
  let nextId = 1;
  let end: ChannelEnd | undefined;

  const finish = (reason: ChannelEnd, error: () => Error): void => {
    if (end !== undefined) return;
    end = reason;
    for (const flight of [...flights.values()]) {
      forget(flight);
      flight.settle(error());
    }
    for (const listener of [...endListeners]) listener(reason);
    endListeners.clear();
    listeners.clear();
  };

  /** Gives the server up when it went too far: nothing it still sends is looked at. */
  const fault = (kind: FaultKind, detail: string): void => {
    if (!meter.report(kind, detail)) return;
    finish({ problem: 'too many protocol faults', unexpected: true }, () =>
      brokeProtocol(server, 'too many protocol faults'),
    );
    channel.close();
  };

  const desk = createAskDesk({
    maxAsks: limits.maxAsks,
    send: (text) => channel.send(text),
    onFlood: () => fault('flood', 'too many requests of the server at once'),
  });

  const forget = (flight: Flight): void => {
    flights.delete(flight.id);
    desk.dismiss(flight);
  };

  /** Ends a call without its answer and tells the server, which may still be working. */
  const abandon = (flight: Flight, error: Error, reason: string): void => {
    forget(flight);
    abandoned.add(flight.id);
    if (abandoned.size > MAX_ABANDONED) {
      for (const oldest of abandoned) {
        abandoned.delete(oldest);
        break;
      }
    }
    // MCP lifecycle: `initialize` must not be cancelled.
    if (flight.call.method !== 'initialize') {
      const params = rawObject([
        ['requestId', flight.id as RawJson],
        ['reason', rawString(reason)],
      ]);
      channel.send(encodeNotification('notifications/cancelled', params));
    }
    flight.settle(error);
  };

  const failOne = (text: string, make: () => Error): boolean => {
    const id = salvageId(text);
    const flight = id === undefined ? undefined : flights.get(id);
    if (flight === undefined) return false;
    forget(flight);
    flight.settle(make());
    return true;
  };

  const onResponse = (
    id: RawJson,
    result: RawJson | undefined,
    error: RawJson | undefined,
  ): void => {
    const flight = flights.get(id);
    if (flight === undefined) {
      if (abandoned.delete(id)) return;
      fault('unknown_id', 'an answer that belongs to no open request');
      return;
    }
    forget(flight);
    if (result !== undefined) flight.settle({ kind: 'result', result });
    else if (error !== undefined) flight.settle({ kind: 'error', error });
  };

  /** The call a message of the server belongs to: by token, else the oldest that can answer. */
  const owner = (params: RawJson | undefined): Flight | undefined => {
    const meta = params === undefined ? undefined : rawGet(params, '_meta');
    const token = meta === undefined ? undefined : rawGet(meta, META.progressToken);
    const named = token === undefined ? undefined : flights.get(token);
    if (named !== undefined) return named;
    for (const flight of flights.values()) if (flight.call.timeoutMs !== undefined) return flight;
    return undefined;
  };

  const onRequest = (id: RawJson, method: string, params: RawJson | undefined): void => {
    if (!meter.admitNotification() || channel.saturated()) return;
    if (era === 'modern') {
      fault('unexpected_request', 'a request of the server, which its revision does not have');
      return;
    }
    desk.take(exclusive ? owner(params) : undefined, id, method, params);
  };

  const emit = (method: string, params: RawJson | undefined): void => {
    for (const listener of listeners) listener(method, params);
  };

  const onNotification = (method: string, params: RawJson | undefined): void => {
    if (method === 'notifications/progress') {
      const token = params === undefined ? undefined : rawGet(params, 'progressToken');
      const flight = token === undefined ? undefined : flights.get(token);
      if (params === undefined || flight?.token === undefined) return;
      flight.deadline?.touch();
      if (!meter.admitNotification()) return;
      flight.call.onNotification(method, rawSet(params, 'progressToken', flight.token));
      return;
    }
    if (!meter.admitNotification()) return;
    if (method === 'notifications/cancelled') {
      const id = params === undefined ? undefined : rawGet(params, 'requestId');
      if (id === undefined) return;
      desk.cancel(id);
      const flight = flights.get(id);
      if (flight === undefined || era === 'legacy') return;
      // Modern stdio: the server ends a listen stream this way.
      forget(flight);
      flight.settle({ kind: 'result', result: '{}' as RawJson });
      return;
    }
    const subscription = subscriptionOf(params);
    if (subscription !== undefined) {
      flights.get(subscription)?.call.onNotification(method, withoutSubscription(params));
      return;
    }
    if (method !== 'notifications/message') {
      emit(method, params);
      return;
    }
    if (!exclusive) return;
    const flight = owner(params);
    if (flight === undefined) emit(method, params);
    else flight.call.onNotification(method, params);
  };

  channel.open({
    onLine(text) {
      if (end !== undefined) return;
      const parsed = parseMessage(text, scan);
      if (!parsed.ok) {
        const id = parsed.error.id ?? text;
        fault('malformed', `a message that can't be read: ${parsed.error.problem}`);
        failOne(parsed.error.id === undefined ? id : `"id":${id}`, () =>
          brokeProtocol(server, parsed.error.problem),
        );
        return;
      }
      const message = parsed.value;
      if (message.kind === 'response') onResponse(message.id, message.result, message.error);
      else if (message.kind === 'notification') onNotification(message.method, message.params);
      else onRequest(message.id, message.method, message.params);
    },
    onInvalidUtf8(text) {
      if (end !== undefined) return;
      fault('not_utf8', 'a message that is not UTF-8');
      failOne(text, () => brokeProtocol(server, 'a message is not UTF-8'));
    },
    onTooLarge(edges) {
      if (end !== undefined) return;
      fault('too_large', `a message of more than ${limits.maxMessageBytes} bytes`);
      const make = (): Error => tooLarge(server, limits.maxMessageBytes);
      if (failOne(edges, make)) return;
      // It was somebody's answer and nobody can tell whose: all of them would wait for nothing.
      for (const flight of [...flights.values()]) {
        if (flight.call.timeoutMs !== undefined) abandon(flight, make(), 'answer too large');
      }
    },
    onEnd: (reason) => finish(reason, () => lost(server)),
  });

  return {
    call(call) {
      return new Promise((resolve, reject) => {
        if (end !== undefined) return reject(unavailable(server, end.problem));
        if (call.signal?.aborted === true) return reject(cancelled());
        if (flights.size >= limits.maxInFlight || channel.saturated()) return reject(overloaded());
        const id = String(nextId++);
        const { params, token } = swapProgressToken(call.params, id as RawJson);
        const onAbort = (): void => abandon(flight, cancelled(), 'the caller cancelled');
        const deadline =
          call.timeoutMs === undefined
            ? undefined
            : new Deadline(clock, call.timeoutMs, limits.maxCallMs, (ms) =>
                abandon(flight, timedOut(server, ms), 'timed out'),
              );
        const flight: Flight = {
          id,
          call,
          token,
          deadline,
          responder: call.onRequest,
          asks: undefined,
          hold: () => deadline?.hold(),
          release: () => deadline?.release(),
          settle(answer) {
            deadline?.cancel();
            call.signal?.removeEventListener('abort', onAbort);
            if (answer instanceof Error) reject(answer);
            else resolve(answer);
          },
        };
        flights.add(id, flight);
        call.signal?.addEventListener('abort', onAbort, { once: true });
        channel.send(encodeRequest(id as RawJson, call.method, params));
      });
    },
    notify(method, params) {
      if (end === undefined && !channel.saturated())
        channel.send(encodeNotification(method, params));
    },
    onNotification(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    onEnd(listener) {
      if (end !== undefined) {
        listener(end);
        return () => {};
      }
      endListeners.add(listener);
      return () => void endListeners.delete(listener);
    },
    inFlight: () => flights.size,
    ended: () => end !== undefined,
    close: () => channel.close(),
  };
}
