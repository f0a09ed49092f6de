import type { Clock } from '../../kernel/index.ts';

export interface RateLimit {
  /** Takes one permit for `key`; false when there is none. */
  take(key: string): boolean;
}

export interface RateLimitOptions {
  /** Permits a quiet key has. */
  readonly burst: number;
  readonly perMinute: number;
  /** Keys kept; when full, unknown keys share one bucket. */
  readonly maxKeys?: number;
}

const OVERFLOW = '\u0000overflow';

/** Token bucket per key with bounded memory: a flood of keys makes newcomers share one bucket. */
export function createRateLimit(clock: Clock, options: RateLimitOptions): RateLimit {
  const { burst, perMinute, maxKeys = 10_000 } = options;
  const buckets = new Map<string, { level: number; at: number }>();
  const perMs = perMinute / 60_000;
  const fullAfterMs = burst / perMs;

  const prune = (now: number): void => {
    for (const [key, bucket] of buckets) {
      if (now - bucket.at < fullAfterMs) break; // in the order of last use
      buckets.delete(key);
    }
  };
  return {
    take(wanted) {
      const now = clock.monotonic();
      if (buckets.size >= maxKeys) prune(now);
      const key = buckets.has(wanted) || buckets.size < maxKeys ? wanted : OVERFLOW;
      const bucket = buckets.get(key) ?? { level: burst, at: now };
      const level = Math.min(burst, bucket.level + (now - bucket.at) * perMs);
      buckets.delete(key);
      buckets.set(key, { level: level >= 1 ? level - 1 : level, at: now });
      return level >= 1;
    },
  };
}
