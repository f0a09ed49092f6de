import { AppError, type Clock, type Logger } from '../kernel/index.ts';
import {
  type Bus,
  type BusMessage,
  DEFAULT_CAPACITY,
  MAX_CAPACITY,
  MAX_REQUESTS,
  MAX_SUBSCRIPTIONS,
} from './bus.ts';
import { createMailbox, type Mailbox } from './mailbox.ts';
import { toPayload } from './payload.ts';
import { checkPattern, checkQueue, checkTopic, hasWildcard, matches } from './topic.ts';

interface Member {
  readonly pattern: string;
  readonly queue: string | undefined;
  readonly mailbox: Mailbox;
}

/** The bus inside one process. */
export function createMemoryBus(deps: { readonly clock: Clock; readonly log?: Logger }): Bus {
  const exact = new Map<string, Set<Member>>();
  const wild = new Set<Member>();
  const turns = new Map<string, number>();
  const pending = new Set<(error: AppError) => void>();
  const count = { subscriptions: 0, published: 0, delivered: 0, dropped: 0, failed: 0 };
  let closed = false;

  const checkOpen = (): void => {
    if (closed) throw new AppError('BUS_CLOSED');
  };

  const route = (topic: string): Member[] => {
    const found = [...(exact.get(topic) ?? [])];
    for (const member of wild) if (matches(member.pattern, topic)) found.push(member);
    return found;
  };

  /** Gives the message to everybody outside of queues and to one member of each queue. */
  const deliver = (
    topic: string,
    payload: Uint8Array,
    respond: (payload: Uint8Array | string) => void,
  ): number => {
    const members = route(topic);
    const queues = new Map<string, Member[]>();
    count.published++;
    for (const member of members) {
      if (member.queue === undefined) {
        if (!member.mailbox.offer(toMessage(topic, payload, respond))) count.dropped++;
        continue;
      }
      const group = queues.get(member.queue);
      if (group === undefined) queues.set(member.queue, [member]);
      else group.push(member);
    }
    for (const [queue, group] of queues) {
      const turn = (turns.get(queue) ?? 0) % group.length;
      turns.set(queue, turn + 1);
      const inOrder = [...group.slice(turn), ...group.slice(0, turn)];
      // A full member passes it on; it is lost only when all of them are full.
      if (!inOrder.some((member) => member.mailbox.offer(toMessage(topic, payload, respond))))
        count.dropped++;
    }
    return members.length;
  };

  const remove = (member: Member): void => {
    const set = hasWildcard(member.pattern) ? wild : exact.get(member.pattern);
    if (set?.delete(member) !== true) return;
    member.mailbox.close();
    count.subscriptions--;
    if (set.size === 0) exact.delete(member.pattern);
  };

  return {
    publish(topic, payload) {
      checkOpen();
      checkTopic(topic);
      deliver(topic, toPayload(payload), () => {});
    },
    async subscribe(pattern, handler, options = {}) {
      checkOpen();
      checkPattern(pattern);
      if (options.queue !== undefined) checkQueue(options.queue);
      if (count.subscriptions >= MAX_SUBSCRIPTIONS) throw overloaded('subscriptions');
      const capacity = Math.min(
        Math.max(1, Math.trunc(options.capacity ?? DEFAULT_CAPACITY)),
        MAX_CAPACITY,
      );
      const mailbox = createMailbox(handler, capacity, {
        delivered: () => void count.delivered++,
        failed: (error) => {
          count.failed++;
          deps.log?.warn({ pattern, error }, 'a subscriber failed');
        },
      });
      const member: Member = { pattern, queue: options.queue, mailbox };
      let set = hasWildcard(pattern) ? wild : exact.get(pattern);
      if (set === undefined) {
        set = new Set();
        exact.set(pattern, set);
      }
      set.add(member);
      count.subscriptions++;
      return { unsubscribe: () => remove(member), dropped: mailbox.dropped };
    },
    async request(topic, payload, { timeoutMs, signal }) {
      checkOpen();
      checkTopic(topic);
      const bytes = toPayload(payload);
      signal?.throwIfAborted();
      if (pending.size >= MAX_REQUESTS) throw overloaded('requests');
      return await new Promise<BusMessage>((resolve, reject) => {
        const settle = (end: () => void): void => {
          if (!pending.delete(fail)) return;
          timer.cancel();
          signal?.removeEventListener('abort', onAbort);
          end();
        };
        const fail = (error: AppError): void => settle(() => reject(error));
        const onAbort = (): void => settle(() => reject(signal?.reason));
        const timer = deps.clock.setTimeout(
          () => fail(new AppError('BUS_TIMEOUT', { params: { topic, ms: timeoutMs } })),
          timeoutMs,
        );
        pending.add(fail);
        signal?.addEventListener('abort', onAbort, { once: true });
        const reached = deliver(topic, bytes, (answer) => {
          const copy = toPayload(answer);
          settle(() => resolve(toMessage(topic, copy, () => {})));
        });
        if (reached === 0) fail(new AppError('BUS_NO_RESPONDERS', { params: { topic } }));
      });
    },
    stats: () => ({ ...count }),
    async close() {
      closed = true;
      for (const member of [...wild, ...[...exact.values()].flatMap((set) => [...set])])
        remove(member);
      for (const fail of [...pending]) fail(new AppError('BUS_CLOSED'));
    },
  };
}

/** Each receiver gets its own bytes: what one of them does to them is not seen by another. */
function toMessage(
  topic: string,
  payload: Uint8Array,
  respond: (payload: Uint8Array | string) => void,
): BusMessage {
  const own = payload.slice();
  return { topic, payload: own, text: () => new TextDecoder().decode(own), respond };
}

function overloaded(what: string): AppError {
  return new AppError('BUS_OVERLOADED', { params: { what } });
}
