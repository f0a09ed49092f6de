import type { EntityUid, Value } from './values.ts';

/** What an expression may come to, as a set of possibilities. */
export const TRUE = 1;
export const FALSE = 2;
/** The policy errs. */
export const ERROR = 4;
/** Some value that is not a boolean. */
export const OTHER = 8;
export const ANYTHING = TRUE | FALSE | ERROR | OTHER;

/** Not known exactly: any of the possibilities in `may`. */
export class Unknown {
  readonly kind = 'unknown';
  readonly may: number;
  constructor(may: number) {
    this.may = may;
  }
}

/** Some entity whose name is not known; perhaps its type is. It may or may not exist. */
export class SomeEntity {
  readonly kind = 'some-entity';
  readonly type: string | undefined;
  /** Its only parent, when that is known; such an entity is in nothing else of the parent's type. */
  readonly within: EntityUid | undefined;
  constructor(type: string | undefined, within?: EntityUid) {
    this.type = type;
    this.within = within;
  }
}

/** A record with unknown parts. When `open`, an attribute that is not listed may or may not be there. */
export class PartialRecord {
  readonly kind = 'partial-record';
  readonly fields: ReadonlyMap<string, PartialValue>;
  readonly open: boolean;
  constructor(fields: ReadonlyMap<string, PartialValue>, open: boolean) {
    this.fields = fields;
    this.open = open;
  }
}

export type PartialValue = Value | Unknown | SomeEntity | PartialRecord;

export function isKnown(value: PartialValue): value is Value {
  return (
    typeof value !== 'object' ||
    (value.kind !== 'unknown' && value.kind !== 'some-entity' && value.kind !== 'partial-record')
  );
}

/** The possibilities of a value where a boolean is wanted; what is no boolean errs there. */
export function asBoolean(value: PartialValue): number {
  if (value === true) return TRUE;
  if (value === false) return FALSE;
  if (typeof value !== 'object' || value.kind !== 'unknown') return ERROR;
  return (value.may & OTHER) === 0 ? value.may : (value.may & ~OTHER) | ERROR;
}

export function mayErr(value: PartialValue): boolean {
  return typeof value === 'object' && value.kind === 'unknown' && (value.may & ERROR) !== 0;
}

/** Nothing but an error. */
export function surelyErrs(value: PartialValue): boolean {
  return typeof value === 'object' && value.kind === 'unknown' && value.may === ERROR;
}

/** Several possibilities of a boolean as a value. */
export function booleanOf(may: number): PartialValue {
  if (may === TRUE) return true;
  if (may === FALSE) return false;
  return new Unknown(may);
}

export type PartialUid = EntityUid | SomeEntity;
