import type { Datetime } from './datetime.ts';
import type { Decimal } from './decimal.ts';
import type { Duration } from './duration.ts';
import type { IpAddress } from './ip-address.ts';

/** An i64: a number while it is a safe integer, else a bigint. Each value has exactly one form. */
export type Long = number | bigint;

export type Extension = Decimal | Datetime | Duration | IpAddress;

export type Value =
  | boolean
  | Long
  | string
  | EntityUid
  | CedarSet
  | CedarRecord
  | OversizeString
  | Extension;

const NO_NAMES: readonly string[] = [];
const NO_VALUES: readonly Value[] = [];
const NO_FIELDS: ReadonlyMap<string, Value> = new Map();
/** Up to this many attributes, comparing names one by one beats hashing. */
const FEW_NAMES = 12;

/**
 * The name of an entity. Two names are equal when type and id are, so nothing needs to be interned and `A::B`,`c`
 * can never meet `A`,`B::c`.
 */
export class EntityUid {
  readonly kind = 'entity';
  readonly type: string;
  readonly id: string;
  constructor(type: string, id: string) {
    this.type = type;
    this.id = id;
  }
}

export function sameUid(a: EntityUid, b: EntityUid): boolean {
  return a === b || (a.id === b.id && a.type === b.type);
}

/**
 * A record. Never an object with the attributes as properties, so that names such as `constructor` or `__proto__`
 * mean nothing special. Made from a Map, or from parallel lists, which cost a fraction of a Map to build and are
 * searched faster while they are short.
 */
export class CedarRecord {
  readonly kind = 'record';
  readonly #names: readonly string[];
  readonly #values: readonly Value[];
  #map: ReadonlyMap<string, Value> | undefined;
  /** Memo of `canonicalKey`. */
  key: string | undefined = undefined;

  constructor(
    fields: ReadonlyMap<string, Value>,
    names: readonly string[] = NO_NAMES,
    values: readonly Value[] = NO_VALUES,
  ) {
    this.#map = names === NO_NAMES ? fields : undefined;
    this.#names = names;
    this.#values = values;
  }

  /** Takes the lists over. The names must differ from one another. */
  static of(names: readonly string[], values: readonly Value[]): CedarRecord {
    return names.length === 0 ? CedarRecord.empty : new CedarRecord(NO_FIELDS, names, values);
  }

  static readonly empty: CedarRecord = new CedarRecord(new Map());

  get size(): number {
    return this.#map === undefined ? this.#names.length : this.#map.size;
  }

  get(name: string): Value | undefined {
    if (this.#map !== undefined) return this.#map.get(name);
    const names = this.#names;
    if (names.length > FEW_NAMES) return this.fields.get(name);
    for (let i = 0; i < names.length; i++) if (names[i] === name) return this.#values[i];
    return undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** The attributes as a Map, built when first asked for. */
  get fields(): ReadonlyMap<string, Value> {
    if (this.#map === undefined) {
      const map = new Map<string, Value>();
      for (const [i, name] of this.#names.entries()) {
        const value = this.#values[i];
        if (value !== undefined) map.set(name, value);
      }
      this.#map = map;
    }
    return this.#map;
  }
}

/** A set. Items may repeat; comparison ignores order and repetition. */
export class CedarSet {
  readonly kind = 'set';
  readonly items: readonly Value[];
  /** Memo of `canonicalKey`. */
  key: string | undefined = undefined;
  /** Memo of membership, built once scanning stops being cheap. */
  members: SetMembers | undefined = undefined;
  scans = 0;
  constructor(items: readonly Value[]) {
    this.items = items;
  }
}

export interface SetMembers {
  /** Booleans, longs and strings, which JavaScript compares as Cedar does. */
  readonly plain: ReadonlySet<Value>;
  /** Canonical keys of everything else. */
  readonly keys: ReadonlySet<string>;
}

/**
 * Stands for an argument string beyond the limit. It may be present and carried along, but a policy that reads it
 * makes the whole decision a deny: comparing a truncated string would be a way around the policy.
 */
export class OversizeString {
  readonly kind = 'oversize';
  readonly length: number;
  constructor(length: number) {
    this.length = length;
  }
}
