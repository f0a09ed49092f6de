/** Time is injected: production uses `systemClock`, tests a fake that only moves when told. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. */
  now(): number;
  /** Monotonic milliseconds, fractional; only differences mean anything. */
  monotonic(): number;
  /** Runs `fn` once after `ms`. An unreferenced timer never keeps the process alive. */
  setTimeout(fn: () => void, ms: number): Timer;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(fn, ms) {
    const handle = setTimeout(fn, ms);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

export interface FakeClock extends Clock {
  /** Moves time forward and runs the timers that fall due, in order of their due time. */
  advance(ms: number): void;
  /** Timers armed and not yet run. */
  pending(): number;
}

/** A clock for tests. Starts at `start` (ms since the epoch) and moves by `advance` alone. */
export function createFakeClock(start = 1_800_000_000_000): FakeClock {
  let current = start;
  let sequence = 0;
  const timers = new Map<number, { due: number; fn: () => void }>();
  return {
    now: () => current,
    monotonic: () => current - start,
    setTimeout(fn, ms) {
      const id = sequence++;
      timers.set(id, { due: current + Math.max(0, ms), fn });
      return { cancel: () => void timers.delete(id) };
    },
    advance(ms) {
      const target = current + ms;
      for (;;) {
        let next: [number, { due: number; fn: () => void }] | undefined;
        for (const entry of timers) {
          if (entry[1].due <= target && (next === undefined || entry[1].due < next[1].due))
            next = entry;
        }
        if (next === undefined) break;
        timers.delete(next[0]);
        current = Math.max(current, next[1].due);
        next[1].fn();
      }
      current = target;
    },
    pending: () => timers.size,
  };
}
