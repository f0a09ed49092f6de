import { err, ok, type Result } from '../../kernel/index.ts';
import { Datetime } from './datetime.ts';
import { Decimal, parseDecimal } from './decimal.ts';
import { Duration } from './duration.ts';
import { fitsInt64, toLong } from './int64.ts';
import { IpAddress } from './ip-address.ts';
import { type CedarLimits, DEFAULT_LIMITS } from './limits.ts';
import type { Problem } from './model.ts';
import { CedarRecord, CedarSet, EntityUid, OversizeString, type Value } from './values.ts';

export interface ToRecordOptions {
  readonly limits?: CedarLimits;
  /** Cedar has no null. `omit` drops the attribute; inside a list null is always refused. Default `refuse`. */
  readonly nulls?: 'refuse' | 'omit';
  /** Cedar has no floats. `decimal` takes those that are exact with four digits. Default `refuse`. */
  readonly fractions?: 'refuse' | 'decimal';
  /** What a string beyond the limit becomes. Default `mark`, an `OversizeString`. */
  readonly oversize?: 'mark' | 'refuse';
}

/**
 * Converts plain JavaScript data, hostile or not, to a record. Data stays data: `{"__entity": …}` becomes a record
 * with such an attribute, never an entity. Objects of the value classes (`EntityUid`, `Decimal`, …), which no JSON
 * can contain, pass through, so a caller can compose trusted parts around untrusted ones. Undefined attributes are
 * left out. Refuses null, floats, integers that JSON already rounded, lone surrogates, and what exceeds the limits.
 */
export function toRecord(
  plain: unknown,
  options: ToRecordOptions = {},
): Result<CedarRecord, Problem> {
  const conversion = new Conversion(options);
  const value = conversion.convert(plain, 0);
  if (value instanceof CedarRecord) return ok(value);
  if (value === undefined)
    return err({ at: conversion.path.reverse().join(''), problem: conversion.problem });
  return err({ at: '', problem: 'not an object' });
}

/** The same for any value. */
export function toValue(plain: unknown, options: ToRecordOptions = {}): Result<Value, Problem> {
  const conversion = new Conversion(options);
  const value = conversion.convert(plain, 0);
  if (value !== undefined) return ok(value);
  return err({ at: conversion.path.reverse().join(''), problem: conversion.problem });
}

class Conversion {
  readonly #limits: CedarLimits;
  readonly #options: ToRecordOptions;
  #size = 0;
  #elements = 0;
  problem = '';
  /** Filled from the inside out, and only when something is refused. */
  readonly path: string[] = [];

  constructor(options: ToRecordOptions) {
    this.#options = options;
    this.#limits = options.limits ?? DEFAULT_LIMITS;
  }

  /** undefined means refused, with `problem` and `path` set. */
  convert(plain: unknown, depth: number): Value | undefined {
    switch (typeof plain) {
      case 'string':
        return this.#string(plain);
      case 'boolean':
        return plain;
      case 'number':
        return this.#number(plain);
      case 'bigint':
        return fitsInt64(plain) ? toLong(plain) : this.#refuse('integer beyond 64 bits');
      case 'object':
        if (plain === null) return this.#refuse('null');
        if (depth >= this.#limits.valueDepth)
          return this.#refuse(`nested deeper than ${this.#limits.valueDepth}`);
        if (Array.isArray(plain)) return this.#list(plain, depth);
        return this.#object(plain, depth);
      default:
        return this.#refuse(`a ${typeof plain}`);
    }
  }

  #string(text: string): Value | undefined {
    if (text.length > this.#limits.stringLength) {
      if (this.#options.oversize === 'refuse') return this.#refuse('string longer than the limit');
      return new OversizeString(text.length);
    }
    if (!this.#grow(text.length)) return undefined;
    return text.isWellFormed() ? text : this.#refuse('string with a lone surrogate');
  }

  #number(value: number): Value | undefined {
    if (Number.isSafeInteger(value)) return value + 0;
    if (Number.isInteger(value)) return this.#refuse('integer beyond 2^53, already rounded');
    if (this.#options.fractions !== 'decimal') return this.#refuse('number with a fraction');
    const decimal = parseDecimal(String(value));
    return decimal ?? this.#refuse('number that is not exact with four decimals');
  }

  #list(items: readonly unknown[], depth: number): Value | undefined {
    if (!this.#count(items.length)) return undefined;
    const values: Value[] = [];
    for (let i = 0; i < items.length; i++) {
      const value = this.convert(items[i], depth + 1);
      if (value === undefined) return this.#within(`[${i}]`);
      values.push(value);
    }
    return new CedarSet(values);
  }

  #object(plain: object, depth: number): Value | undefined {
    const prototype: unknown = Object.getPrototypeOf(plain);
    if (prototype !== Object.prototype && prototype !== null) {
      return isValueObject(plain) ? plain : this.#refuse('an object that is not plain data');
    }
    const keys = Object.keys(plain);
    if (!this.#count(keys.length)) return undefined;
    const names: string[] = [];
    const values: Value[] = [];
    for (let i = 0; i < keys.length; i++) {
      const name = keys[i] ?? '';
      const member = (plain as Readonly<Record<string, unknown>>)[name];
      if (member === undefined || (member === null && this.#options.nulls === 'omit')) continue;
      if (!this.#grow(name.length)) return undefined;
      const value = name.isWellFormed()
        ? this.convert(member, depth + 1)
        : this.#refuse('name with a lone surrogate');
      if (value === undefined) return this.#within(`.${name.slice(0, 60)}`);
      names.push(name);
      values.push(value);
    }
    return CedarRecord.of(names, values);
  }

  #grow(by: number): boolean {
    this.#size += by;
    if (this.#size <= this.#limits.valueSize) return true;
    this.#refuse(`more than ${this.#limits.valueSize} characters in all`);
    return false;
  }

  #count(by: number): boolean {
    this.#elements += by;
    if (this.#elements <= this.#limits.valueElements) return true;
    this.#refuse(`more than ${this.#limits.valueElements} elements in all`);
    return false;
  }

  #refuse(problem: string): undefined {
    this.problem = problem;
    return undefined;
  }

  #within(step: string): undefined {
    this.path.push(step);
    return undefined;
  }
}

function isValueObject(value: object): value is Extract<Value, object> {
  return (
    value instanceof EntityUid ||
    value instanceof CedarRecord ||
    value instanceof CedarSet ||
    value instanceof OversizeString ||
    value instanceof Decimal ||
    value instanceof Datetime ||
    value instanceof Duration ||
    value instanceof IpAddress
  );
}
