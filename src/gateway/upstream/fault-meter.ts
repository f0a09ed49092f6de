import type { Clock } from '../../kernel/index.ts';
import type { FaultKind, UpstreamFault } from './ports.ts';

export interface FaultMeter {
  /** Reports a fault; after the first ten of a kind in a minute only counts. True when the server went too far. */
  report(kind: FaultKind, detail: string): boolean;
  /** Takes one notification from the bucket. False: over the rate, drop it. */
  admitNotification(): boolean;
}

export interface FaultMeterOptions {
  readonly server: string;
  readonly clock: Clock;
  readonly onFault: (fault: UpstreamFault) => void;
  readonly maxFaultsPerMinute: number;
  readonly notificationBurst: number;
  readonly notificationsPerSecond: number;
}

const REPORTED_PER_KIND = 10;

/** Counts what one connection does wrong, so that a hostile server can flood neither the log nor the client. */
export function createFaultMeter(options: FaultMeterOptions): FaultMeter {
  const { server, clock, onFault } = options;
  let windowStart = clock.monotonic();
  let total = 0;
  const perKind = new Map<FaultKind, number>();
  let tokens = options.notificationBurst;
  let filledAt = windowStart;

  const report = (kind: FaultKind, detail: string): boolean => {
    const now = clock.monotonic();
    if (now - windowStart >= 60_000) {
      windowStart = now;
      total = 0;
      perKind.clear();
    }
    // Dropping is answer enough to a flood; it alone never costs the server its connection.
    if (kind !== 'flood') total++;
    const seen = (perKind.get(kind) ?? 0) + 1;
    perKind.set(kind, seen);
    if (seen <= REPORTED_PER_KIND) onFault({ server, kind, detail });
    return total > options.maxFaultsPerMinute;
  };

  return {
    report,
    admitNotification() {
      if (tokens < 1) {
        const now = clock.monotonic();
        const earned = ((now - filledAt) / 1000) * options.notificationsPerSecond;
        tokens = Math.min(options.notificationBurst, tokens + earned);
        filledAt = now;
      }
      if (tokens >= 1) {
        tokens--;
        return true;
      }
      report('flood', 'more notifications than allowed; the surplus was dropped');
      return false;
    },
  };
}
