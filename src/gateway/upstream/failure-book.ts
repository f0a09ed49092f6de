import type { Clock, Random } from '../../kernel/index.ts';
import { backOffMs } from './back-off.ts';
import type { UpstreamLimits } from './limits.ts';

export interface FailureBook {
  /** A start failed, or a connection that lived for `livedMs` was lost. */
  failed(key: string, livedMs: number): void;
  succeeded(key: string): void;
  /** Milliseconds until the next attempt may be made; 0: now. */
  waitMs(key: string): number;
  /** True while any key waits. */
  waiting(): boolean;
}

interface Entry {
  failures: number;
  until: number;
}

const MAX_ENTRIES = 1024;

/**
 * Back-off per pool key, so a principal that crashes its own process does not delay the others. A connection that lived
 * for `healthyMs` before it failed starts the count afresh.
 */
export function createFailureBook(
  clock: Clock,
  random: Random,
  limits: UpstreamLimits,
): FailureBook {
  const book = new Map<string, Entry>();
  const prune = (): void => {
    if (book.size < MAX_ENTRIES) return;
    const now = clock.monotonic();
    for (const [key, entry] of book) if (entry.until + limits.healthyMs < now) book.delete(key);
    // All of them fresh: let the oldest go rather than grow.
    for (const key of book.keys()) {
      if (book.size < MAX_ENTRIES) break;
      book.delete(key);
    }
  };
  return {
    failed(key, livedMs) {
      prune();
      const before = livedMs >= limits.healthyMs ? 0 : (book.get(key)?.failures ?? 0);
      const failures = before + 1;
      const delay = backOffMs(failures, limits.backoffBaseMs, limits.backoffMaxMs, random);
      book.set(key, { failures, until: clock.monotonic() + delay });
    },
    succeeded(key) {
      const entry = book.get(key);
      if (entry !== undefined) entry.until = 0;
    },
    waitMs: (key) => Math.max(0, (book.get(key)?.until ?? 0) - clock.monotonic()),
    waiting() {
      const now = clock.monotonic();
      for (const entry of book.values()) if (entry.until > now) return true;
      return false;
    },
  };
}
