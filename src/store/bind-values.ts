import { AppError } from '../kernel/index.ts';
import type { SqlInput } from './db.ts';

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

/** Largest single value, in UTF-16 code units or bytes. */
export const MAX_VALUE_LENGTH = 64 * 1024 * 1024;

/**
 * The seam rule, the same for every driver: null, well-formed text without U+0000, a finite number,
 * a bigint within 64 bits, bytes. Booleans become 1 and 0; integral numbers become bigint so that
 * a driver cannot store them as floating point.
 *
 * Lone surrogates are refused too: drivers replace them by U+FFFD, and two keys would become one.
 *
 * @throws AppError `STORE_BAD_VALUE`; the message names the position, never the value.
 */
export function bindValues(
  values: readonly SqlInput[],
  expected: number,
): (null | string | number | bigint | Uint8Array)[] {
  if (!Array.isArray(values)) throw bad(0, 'values must be an array');
  if (values.length !== expected)
    throw bad(0, `the statement takes ${expected} values, ${values.length} given`);
  const bound: (null | string | number | bigint | Uint8Array)[] = [];
  for (let i = 0; i < expected; i++) bound.push(bindOne(values[i], i + 1));
  return bound;
}

function bindOne(value: unknown, position: number): null | string | number | bigint | Uint8Array {
  switch (typeof value) {
    case 'string':
      if (value.length > MAX_VALUE_LENGTH) throw bad(position, 'the text is too long');
      if (value.includes('\0')) throw bad(position, 'the text contains U+0000');
      if (!value.isWellFormed()) throw bad(position, 'the text contains a lone surrogate');
      return value;
    case 'number':
      if (!Number.isFinite(value)) throw bad(position, 'the number is not finite');
      return Number.isSafeInteger(value) ? BigInt(value) : value;
    case 'bigint':
      if (value < I64_MIN || value > I64_MAX)
        throw bad(position, 'the integer needs more than 64 bits');
      return value;
    case 'boolean':
      return value ? 1n : 0n;
    case 'object':
      if (value === null) return null;
      if (value instanceof Uint8Array) return bindBytes(value, position);
      throw bad(position, 'it is an object');
    default:
      throw bad(position, `it is ${typeof value}`);
  }
}

/** Copies, so that a detached, shared or resized buffer cannot change under the driver. */
function bindBytes(value: Uint8Array, position: number): Uint8Array {
  let copy: Uint8Array | undefined;
  try {
    // The prototype's getter: a forged `length` property of the value has no say here.
    copy = Uint8Array.prototype.slice.call(value);
  } catch {
    throw bad(position, 'the bytes are not readable');
  }
  if (!ArrayBuffer.isView(copy)) throw bad(position, 'the bytes are not readable');
  if (copy.byteLength > MAX_VALUE_LENGTH) throw bad(position, 'there are too many bytes');
  return copy;
}

function bad(position: number, problem: string): AppError {
  return new AppError('STORE_BAD_VALUE', { params: { position, problem } });
}
