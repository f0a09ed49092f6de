import type { Clock } from '../../kernel/index.ts';

/**
 * Remembers ids that may be used once. Two generations of sets: an id is known for at least one and
 * at most two windows, and forgetting is O(1). When a generation is full the answer is "seen": a
 * flooded memory refuses, it does not forget.
 */
export interface ReplayMemory {
  /** True the first time. */
  first(id: string): boolean;
}

export function createReplayMemory(
  clock: Clock,
  windowMs: number,
  maxPerWindow = 100_000,
): ReplayMemory {
  let started = clock.monotonic();
  let current = new Set<string>();
  let previous = new Set<string>();
  return {
    first(id) {
      const now = clock.monotonic();
      if (now - started >= windowMs) {
        previous = now - started >= 2 * windowMs ? new Set() : current;
        current = new Set();
        started = now;
      }
      if (current.has(id) || previous.has(id) || current.size >= maxPerWindow) return false;
      current.add(id);
      return true;
    },
  };
}
