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

/** A record. A Map, so that attribute names such as `constructor` or `__proto__` mean nothing special. */
export class CedarRecord {
  readonly kind = 'record';
  readonly fields: ReadonlyMap<string, Value>;
  /** Memo of `canonicalKey`. */
  key: string | undefined = undefined;
  constructor(fields: ReadonlyMap<string, Value>) {
    this.fields = fields;
  }
  static readonly empty: CedarRecord = new CedarRecord(new Map());
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
