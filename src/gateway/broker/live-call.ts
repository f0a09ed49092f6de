import type {
  Downstream,
  ForwardTarget,
  PeerAnswer,
  RawJson,
  UpstreamAnswer,
  UpstreamConnection,
} from '../model.ts';
import { META, metaGet } from '../wire/envelope.ts';
import { rawObject, rawSet, rawString } from '../wire/raw-json.ts';
import { isAsk } from './ask-capability.ts';
import { callOnLegacy } from './call-on-legacy.ts';
import type { BrokerContext } from './context.ts';
import { protocolFault } from './fault-reply.ts';
import type { Parkable } from './parked-calls.ts';
import { relayTo } from './relay.ts';
import {
  ASK_NO_ROOM,
  ASK_REFUSED,
  ASK_UNANSWERED,
  ASK_UNKNOWN,
  capabilityRefusal,
} from './relay-ask.ts';
import { upstreamRequest } from './upstream-request.ts';

/** A question of the upstream that waits for the client. */
export interface OpenAsk {
  readonly method: string;
  readonly params: RawJson | undefined;
  answer(answer: PeerAnswer): void;
}

export type CallEvent =
  | { readonly kind: 'answer'; readonly answer: UpstreamAnswer }
  | { readonly kind: 'fault'; readonly fault: unknown }
  | { readonly kind: 'asks' };

/**
 * One upstream call of a modern client on a legacy server, alive across the client's retries. One exchange at a time
 * works on it (`attach`); between two it is parked.
 */
export interface LiveCall extends Parkable {
  /** `cal_…` of the attempt that started it. */
  readonly call: string;
  readonly asks: ReadonlyMap<string, OpenAsk>;
  round: number;
  /** Notifications and new questions belong to this attempt from now on. */
  attach(downstream: Downstream, target: ForwardTarget): void;
  /** Nobody listens: progress and log messages are dropped. */
  detach(): void;
  /** The call's answer, its fault, or that questions wait. Only one waiter at a time. */
  next(): Promise<CallEvent>;
  /** Answers one question; false when it isn't open. */
  answer(key: string, answer: PeerAnswer): boolean;
  /** Answers everything that waits. */
  answerAll(answer: PeerAnswer): void;
  /** The client cancelled. */
  cancel(): void;
}

export function startCall(
  context: BrokerContext,
  connection: UpstreamConnection,
  facts: {
    readonly owner: string;
    readonly agentId: string;
    readonly method: string;
    readonly params: RawJson | undefined;
    readonly round: number;
  },
  downstream: Downstream,
  target: ForwardTarget,
): LiveCall {
  const { limits } = context;
  const controller = new AbortController();
  const asks = new Map<string, OpenAsk>();
  let listener: { readonly downstream: Downstream; readonly target: ForwardTarget } | undefined;
  let relay: ((method: string, params: RawJson | undefined) => void) | undefined;
  let lastTarget = target;
  let lastClient = downstream.client;
  let deciding = 0;
  let asked = 0;
  let outcome: CallEvent | undefined;
  let waiter: ((event: CallEvent) => void) | undefined;

  const wake = (): void => {
    if (waiter === undefined) return;
    const event =
      outcome ?? (asks.size > 0 && deciding === 0 ? ({ kind: 'asks' } as const) : undefined);
    if (event === undefined) return;
    const resolve = waiter;
    waiter = undefined;
    resolve(event);
  };
  const settle = (event: CallEvent): void => {
    const large =
      event.kind === 'answer' && event.answer.kind === 'result' ? event.answer.result.length : 0;
    // Nobody reads it now, and held memory has to stay bounded.
    const keep = listener !== undefined || large <= limits.maxParkedResult;
    outcome = keep
      ? event
      : {
          kind: 'fault',
          fault: protocolFault(
            target.server,
            'its answer came while nobody waited and was too large to keep',
          ),
        };
    // The upstream gave up its own questions by answering; whoever waits for them must not wait for ever.
    call.answerAll(ASK_UNANSWERED);
    wake();
  };

  const onRequest = async (
    method: string,
    params: RawJson | undefined,
    signal: AbortSignal,
  ): Promise<PeerAnswer> => {
    if (!isAsk(method)) return ASK_UNKNOWN;
    const refusal = capabilityRefusal(lastClient, method, params);
    if (refusal !== undefined) return refusal;
    if (call.round >= limits.maxRounds || asks.size + deciding >= limits.maxAsks)
      return ASK_NO_ROOM;
    deciding++;
    let permitted = false;
    try {
      permitted = await lastTarget.permitAsk(method, params);
    } catch {
      permitted = false;
    } finally {
      deciding--;
    }
    if (!permitted || signal.aborted || outcome !== undefined) {
      wake();
      return ASK_REFUSED;
    }
    const { promise, resolve } = Promise.withResolvers<PeerAnswer>();
    const key = `ask-${++asked}`;
    const takeBack = (): void => {
      call.answer(key, ASK_UNANSWERED);
    };
    signal.addEventListener('abort', takeBack, { once: true });
    asks.set(key, {
      method,
      params,
      answer(answer) {
        signal.removeEventListener('abort', takeBack);
        resolve(answer);
      },
    });
    wake();
    return promise;
  };

  const call: LiveCall = {
    owner: facts.owner,
    agentId: facts.agentId,
    call: target.call,
    asks,
    round: facts.round,
    attach(nextDownstream, nextTarget) {
      listener = { downstream: nextDownstream, target: nextTarget };
      lastTarget = nextTarget;
      lastClient = nextDownstream.client;
      relay = withToken(
        relayTo(nextDownstream),
        metaGet(facts.params, META.progressToken),
        metaGet(nextTarget.params, META.progressToken),
      );
    },
    detach() {
      listener = undefined;
      relay = undefined;
    },
    next() {
      return new Promise((resolve) => {
        waiter = resolve;
        wake();
      });
    },
    answer(key, answer) {
      const ask = asks.get(key);
      if (ask === undefined) return false;
      asks.delete(key);
      ask.answer(answer);
      return true;
    },
    answerAll(answer) {
      for (const key of [...asks.keys()]) call.answer(key, answer);
    },
    cancel() {
      controller.abort();
      call.answerAll(ASK_UNANSWERED);
    },
    abandon(reason) {
      context.logger.info(
        { server: target.server, call: target.call, reason },
        'a parked call was given up',
      );
      call.cancel();
    },
  };

  call.attach(downstream, target);
  const send = (method: string, params: RawJson | undefined): Promise<UpstreamAnswer> =>
    connection.request(
      upstreamRequest(target, {
        method,
        params,
        client: downstream.client,
        signal: controller.signal,
        onNotification: (notified, body) => relay?.(notified, body),
        onRequest,
      }),
    );
  callOnLegacy(send, connection.info, facts, (taskId) => {
    controller.signal.addEventListener(
      'abort',
      () => cancelTask(connection, target, downstream, taskId),
      { once: true },
    );
  }).then(
    (answer) => settle({ kind: 'answer', answer }),
    (fault: unknown) => settle({ kind: 'fault', fault }),
  );
  return call;
}

/**
 * The upstream knows the progress token of the first attempt; each later attempt has its own, or none and then gets no
 * progress.
 */
function withToken(
  next: (method: string, params: RawJson | undefined) => void,
  first: RawJson | undefined,
  now: RawJson | undefined,
): (method: string, params: RawJson | undefined) => void {
  if (first === now) return next;
  return (method, params) => {
    if (method !== 'notifications/progress') return next(method, params);
    if (now !== undefined && params !== undefined)
      next(method, rawSet(params, META.progressToken, now));
  };
}

/** Best effort: a task outlives the request that waits for its result. */
function cancelTask(
  connection: UpstreamConnection,
  target: ForwardTarget,
  downstream: Downstream,
  taskId: string,
): void {
  const request = upstreamRequest(target, {
    method: 'tasks/cancel',
    params: rawObject([['taskId', rawString(taskId)]]),
    client: downstream.client,
    signal: new AbortController().signal,
    onNotification: () => undefined,
    onRequest: () => Promise.resolve(ASK_UNKNOWN),
  });
  connection.request(request).catch(() => undefined);
}
