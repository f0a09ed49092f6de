import type { Clock } from '../../kernel/index.ts';
import type { Counter, Rights } from './rights.ts';

/** Budgets that are remembered; when there is no room for another one, its calls are refused. */
const MAX_BUDGETS = 100_000;

export interface CallBudgets {
  /** An id for a new budget, which carries the moment of its making. */
  newId(): string;
  /**
   * Uses one call of every budget of the first of these details whose budgets all have one left. False, and nothing is
   * used, when there is none.
   */
  take(rights: Rights, allowing: readonly number[]): boolean;
}

/**
 * Counts calls per budget. All tokens that come from one grant count together, since they carry the same budget's id. The
 * counts live in this process: a budget from before it started counts as used up, because how much of it is left is
 * unknown and a restart must not refill it.
 */
export function createCallBudgets(clock: Clock, ids: () => string): CallBudgets {
  const startedAt = clock.now();
  const used = new Map<string, number>();

  const left = ({ id, calls }: Counter): boolean => {
    const count = used.get(id);
    if (count !== undefined) return count < calls;
    const madeAt = Number.parseInt(id.slice(0, id.indexOf('.')), 36);
    return madeAt >= startedAt && used.size < MAX_BUDGETS;
  };

  return {
    newId: () => `${Math.ceil(clock.now()).toString(36)}.${ids()}`,
    take(rights, allowing) {
      for (const index of allowing) {
        const counters = rights.counters[index] ?? [];
        if (!counters.every(left)) continue;
        for (const { id } of counters) used.set(id, (used.get(id) ?? 0) + 1);
        return true;
      }
      return false;
    },
  };
}
