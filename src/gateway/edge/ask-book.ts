import { AppError } from '../../kernel/index.ts';
import type { PeerAnswer, RawJson } from '../model.ts';
import { encodeNotification, encodeRequest, type Message } from '../wire/message.ts';
import { rawAsString, rawObject, rawString } from '../wire/raw-json.ts';
import type { RelayedAnswer } from './deps.ts';
import type { Outlet } from './outlet.ts';
import type { SessionRecord } from './session-record.ts';

export interface AskBook {
  /** Sends a request to the client and waits for its answer. Throws GW_CANCELLED, GW_OVERLOADED. */
  ask(
    record: SessionRecord,
    outlet: Outlet,
    method: string,
    params: RawJson | undefined,
    signal: AbortSignal,
  ): Promise<PeerAnswer>;
  /** A response the client posted. Only the session that was asked can answer; anything else is dropped. */
  answer(record: SessionRecord, message: Message & { kind: 'response' }): void;
  /** An answer that another replica received. */
  deliver(answer: RelayedAnswer): void;
  open(): number;
}

interface Pending {
  readonly record: SessionRecord;
  readonly settle: (answer: PeerAnswer) => void;
}

/** Questions to legacy clients. Their ids are `<instance>:<n>`, so that any replica knows where an answer belongs. */
export function createAskBook(deps: {
  readonly instance: string;
  readonly maxPerSession: number;
  readonly relay: ((answer: RelayedAnswer) => void) | undefined;
}): AskBook {
  const { instance, maxPerSession, relay } = deps;
  const pending = new Map<string, Pending>();
  let counter = 0;

  const settle = (id: string, session: string, principal: string, answer: PeerAnswer): void => {
    const waiting = pending.get(id);
    if (waiting === undefined) return;
    if (waiting.record.inner !== session || waiting.record.state.key !== principal) return;
    waiting.settle(answer);
  };

  return {
    ask(record, outlet, method, params, signal) {
      if (record.asks >= maxPerSession) return Promise.reject(new AppError('GW_OVERLOADED'));
      if (signal.aborted || record.ended) return Promise.reject(new AppError('GW_CANCELLED'));
      const id = `${instance}:${++counter}`;
      return new Promise<PeerAnswer>((resolve, reject) => {
        record.asks++;
        const release = (): void => {
          pending.delete(id);
          record.asks--;
          signal.removeEventListener('abort', onAbort);
        };
        const onAbort = (): void => {
          release();
          outlet.send(
            encodeNotification(
              'notifications/cancelled',
              rawObject([['requestId', rawString(id)]]),
            ),
          );
          reject(new AppError('GW_CANCELLED'));
        };
        signal.addEventListener('abort', onAbort);
        pending.set(id, {
          record,
          settle(answer) {
            release();
            resolve(answer);
          },
        });
        outlet.send(encodeRequest(rawString(id), method, params));
      });
    },
    answer(record, message) {
      const id = rawAsString(message.id);
      const answer: PeerAnswer | undefined =
        message.result !== undefined
          ? { result: message.result }
          : message.error !== undefined
            ? { error: message.error }
            : undefined;
      if (id === undefined || answer === undefined) return;
      const colon = id.indexOf(':');
      const target = id.slice(0, Math.max(colon, 0));
      if (target === instance) settle(id, record.inner, record.state.key, answer);
      else if (/^[A-Za-z0-9]{1,24}$/.test(target)) {
        relay?.({
          instance: target,
          id,
          session: record.inner,
          principal: record.state.key,
          answer,
        });
      }
    },
    deliver: ({ id, session, principal, answer }) => settle(id, session, principal, answer),
    open: () => pending.size,
  };
}
