import type { PolicyFault } from './fault.ts';
import type { Long } from './values.ts';

const MAX = 9223372036854775807n;
const MIN = -9223372036854775808n;
const SAFE = 9007199254740991n;

export function fitsInt64(value: bigint): boolean {
  return value <= MAX && value >= MIN;
}

/** The one form of a long: a number while that is exact. The caller has checked the range. */
export function toLong(value: bigint): Long {
  return value <= SAFE && value >= -SAFE ? Number(value) : value;
}

function checked(value: bigint, overflow: PolicyFault): Long {
  if (!fitsInt64(value)) throw overflow;
  return toLong(value);
}

// `+ 0` in the results turns -0 into 0, which Cedar does not have.
export function add(a: Long, b: Long, overflow: PolicyFault): Long {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return checked(BigInt(a) + BigInt(b), overflow);
}

export function subtract(a: Long, b: Long, overflow: PolicyFault): Long {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b;
    if (Number.isSafeInteger(difference)) return difference;
  }
  return checked(BigInt(a) - BigInt(b), overflow);
}

export function multiply(a: Long, b: Long, overflow: PolicyFault): Long {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b;
    if (Number.isSafeInteger(product)) return product + 0;
  }
  return checked(BigInt(a) * BigInt(b), overflow);
}

export function negate(a: Long, overflow: PolicyFault): Long {
  return typeof a === 'number' ? 0 - a : checked(-a, overflow);
}
