import type { Clock } from '../../kernel/index.ts';

/**
 * Single use of sealed states: a seal can't give it, so each state's nonce is remembered until the state expires.
 * Bounded per owner; when an owner has more, the oldest are forgotten and every state of that owner that was issued no
 * later is refused, so the bound fails closed and never reaches another owner.
 */
export interface SpentStates {
  /** True once per nonce. `issuedAt` in ms since the epoch, as sealed. */
  claim(owner: string, nonce: string, issuedAt: number): boolean;
  /** Nonces remembered now. */
  size(): number;
}

interface Ledger {
  readonly used: Map<string, number>;
  /** States issued at or before this are refused. */
  floor: number;
}

export function createSpentStates(deps: {
  readonly clock: Clock;
  readonly ttlMs: number;
  readonly maxPerOwner: number;
}): SpentStates {
  const { clock, ttlMs, maxPerOwner } = deps;
  const ledgers = new Map<string, Ledger>();
  let sweptAt = clock.now();

  const dropExpired = (ledger: Ledger, now: number): void => {
    for (const [nonce, issuedAt] of ledger.used) {
      if (issuedAt + ttlMs > now) break;
      ledger.used.delete(nonce);
    }
  };
  const sweep = (now: number): void => {
    if (now - sweptAt < ttlMs) return;
    sweptAt = now;
    for (const [owner, ledger] of ledgers) {
      dropExpired(ledger, now);
      if (ledger.used.size === 0 && ledger.floor + ttlMs <= now) ledgers.delete(owner);
    }
  };

  return {
    claim(owner, nonce, issuedAt) {
      const now = clock.now();
      sweep(now);
      let ledger = ledgers.get(owner);
      if (ledger === undefined) {
        ledger = { used: new Map(), floor: 0 };
        ledgers.set(owner, ledger);
      }
      if (issuedAt <= ledger.floor || ledger.used.has(nonce)) return false;
      dropExpired(ledger, now);
      ledger.used.set(nonce, issuedAt);
      while (ledger.used.size > maxPerOwner) {
        const oldest = ledger.used.entries().next().value;
        if (oldest === undefined) break;
        ledger.used.delete(oldest[0]);
        ledger.floor = Math.max(ledger.floor, oldest[1]);
      }
      return true;
    },
    size() {
      let count = 0;
      for (const ledger of ledgers.values()) count += ledger.used.size;
      return count;
    },
  };
}
