import { fitsInt64, toLong } from './int64.ts';
import type { Long } from './values.ts';

/** A signed span in milliseconds, i64. */
export class Duration {
  readonly kind = 'duration';
  readonly ms: bigint;
  constructor(ms: bigint) {
    this.ms = ms;
  }
}

const UNITS: readonly (readonly [suffix: string, ms: bigint])[] = [
  ['d', 86_400_000n],
  ['h', 3_600_000n],
  ['m', 60_000n],
  ['s', 1_000n],
  ['ms', 1n],
];

/**
 * Cedar's literal form: `-` in front at most, then any of d, h, m, s, ms in that order, each once, at least one.
 * The range is checked on the signed total, so the smallest i64 is legal.
 */
export function parseDuration(text: string): Duration | undefined {
  const negative = text.startsWith('-');
  let at = negative ? 1 : 0;
  if (at === text.length) return undefined;
  let total = 0n;
  let unit = 0;
  while (at < text.length) {
    const start = at;
    while (at < text.length && isDigit(text.charCodeAt(at))) at++;
    const digits = text.slice(start, at);
    const suffix = text.charAt(at) === 'm' && text.charAt(at + 1) === 's' ? 'ms' : text.charAt(at);
    at += suffix.length;
    while (unit < UNITS.length && UNITS[unit]?.[0] !== suffix) unit++;
    const found = UNITS[unit];
    const amount = parseAmount(digits);
    if (found === undefined || amount === undefined) return undefined;
    total += amount * found[1];
    unit++;
  }
  const ms = negative ? -total : total;
  return fitsInt64(ms) ? new Duration(ms) : undefined;
}

function parseAmount(digits: string): bigint | undefined {
  let start = 0;
  while (start < digits.length - 1 && digits.charCodeAt(start) === 48) start++;
  const length = digits.length - start;
  return length < 1 || length > 19 ? undefined : BigInt(digits.slice(start));
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

export const DURATION_DIVISORS: Readonly<Record<string, bigint>> = {
  toMilliseconds: 1n,
  toSeconds: 1_000n,
  toMinutes: 60_000n,
  toHours: 3_600_000n,
  toDays: 86_400_000n,
};

/** Whole units, truncated towards zero. */
export function wholeUnits(value: Duration, divisor: bigint): Long {
  return toLong(value.ms / divisor);
}
