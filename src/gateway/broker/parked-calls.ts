import type { Clock, Timer } from '../../kernel/index.ts';

/** An open upstream call that waits for its caller to come back. */
export interface Parkable {
  readonly owner: string;
  readonly agentId: string;
  /** Ends the upstream call and whatever waits on it. Runs once, when nobody came in time. */
  abandon(reason: 'expired' | 'revoked' | 'closed'): void;
}

/**
 * Parked calls of this process: bounded in number (in all and per owner) and in time. A call is in here exactly while
 * nobody works on it; taking it out is what makes a state single-use.
 */
export interface ParkedCalls<T extends Parkable> {
  /** False when there is no room for another call of this owner. */
  hasRoom(owner: string): boolean;
  /** Parks under `id` for `ms`. False, and nothing kept, when there is no room. */
  put(id: string, call: T, ms: number): boolean;
  /** Removes and returns the call; undefined when it isn't here (any more) or is another owner's. */
  take(id: string, owner: string): T | undefined;
  /** Abandons the calls of one agent, e.g. because it was revoked. */
  dropAgent(agentId: string): void;
  size(): number;
  close(): void;
}

export function createParkedCalls<T extends Parkable>(deps: {
  readonly clock: Clock;
  readonly max: number;
  readonly maxPerOwner: number;
}): ParkedCalls<T> {
  const { clock, max, maxPerOwner } = deps;
  const calls = new Map<string, { readonly call: T; readonly timer: Timer }>();
  const perOwner = new Map<string, number>();
  const count = (owner: string, by: number): void => {
    const next = (perOwner.get(owner) ?? 0) + by;
    if (next <= 0) perOwner.delete(owner);
    else perOwner.set(owner, next);
  };
  const remove = (id: string): T | undefined => {
    const entry = calls.get(id);
    if (entry === undefined) return undefined;
    calls.delete(id);
    entry.timer.cancel();
    count(entry.call.owner, -1);
    return entry.call;
  };
  const hasRoom = (owner: string): boolean =>
    calls.size < max && (perOwner.get(owner) ?? 0) < maxPerOwner;
  return {
    hasRoom,
    put(id, call, ms) {
      if (!hasRoom(call.owner) || calls.has(id)) return false;
      const timer = clock.setTimeout(() => remove(id)?.abandon('expired'), ms);
      calls.set(id, { call, timer });
      count(call.owner, 1);
      return true;
    },
    take(id, owner) {
      return calls.get(id)?.call.owner === owner ? remove(id) : undefined;
    },
    dropAgent(agentId) {
      for (const [id, { call }] of calls) {
        if (call.agentId === agentId) remove(id)?.abandon('revoked');
      }
    },
    size: () => calls.size,
    close() {
      for (const id of [...calls.keys()]) remove(id)?.abandon('closed');
    },
  };
}
