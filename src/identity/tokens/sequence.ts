import type { Clock } from '../../kernel/index.ts';

/**
 * One rising number for everything issued and everything revoked, so that "issued before the
 * revocation" has one answer. Seconds (`iat`) cannot give it: a token minted just before a
 * revocation in the same second would survive a `>` and one minted after it would die under `>=`.
 *
 * The value is the wall clock in microseconds, or one more than the last value when the clock stood
 * still or went back. Fits 2^53 until the year 2255.
 */
export interface IssueSequence {
  next(): number;
  /** Never hands out `value` or less again; called with the highest stored mark at start. */
  raise(value: number): void;
}

export function createIssueSequence(clock: Clock): IssueSequence {
  let last = 0;
  return {
    next() {
      last = Math.max(Math.floor(clock.now() * 1000), last + 1);
      return last;
    },
    raise(value) {
      if (value > last) last = value;
    },
  };
}
