import { burn, type Fuel, READ_OVERSIZE } from './fault.ts';
import type { CedarRecord, CedarSet, SetMembers, Value } from './values.ts';

/** Up to this many items, and for the first scan of any set, comparing one by one beats building an index. */
const SMALL = 8;

/**
 * Cedar's `==`: never errs, deep, sets without order or repetition, values of different types differ.
 * Work is proportional to the size of the operands and taken from `tank`.
 * @throws DecisionAbort when it meets an oversize string or the tank runs dry.
 */
export function equal(a: Value, b: Value, tank: Fuel): boolean {
  if (a === b) return true;
  if (typeof a !== 'object') return refuseOversize(b);
  if (typeof b !== 'object') return refuseOversize(a);
  if (a.kind === 'oversize' || b.kind === 'oversize') throw READ_OVERSIZE;
  switch (a.kind) {
    case 'entity':
      return b.kind === 'entity' && a.id === b.id && a.type === b.type;
    case 'set':
      return b.kind === 'set' && sameSet(a, b, tank);
    case 'record':
      return b.kind === 'record' && sameRecord(a, b, tank);
    case 'decimal':
      return b.kind === 'decimal' && a.units === b.units;
    case 'datetime':
      return b.kind === 'datetime' && a.ms === b.ms;
    case 'duration':
      return b.kind === 'duration' && a.ms === b.ms;
    case 'ipaddr':
      return (
        b.kind === 'ipaddr' && a.bits === b.bits && a.prefix === b.prefix && a.address === b.address
      );
  }
}

function refuseOversize(other: Value): false {
  if (typeof other === 'object' && other.kind === 'oversize') throw READ_OVERSIZE;
  return false;
}

/** Is an equal value in the set? */
export function contains(set: CedarSet, value: Value, tank: Fuel): boolean {
  const items = set.items;
  if (items.length <= SMALL || (set.members === undefined && set.scans++ === 0)) {
    burn(tank, items.length);
    for (const item of items) if (equal(item, value, tank)) return true;
    return false;
  }
  const members = membersOf(set, tank);
  if (typeof value !== 'object') return members.plain.has(value);
  return members.keys.size > 0 && members.keys.has(canonicalKey(value, tank));
}

export function containsAll(set: CedarSet, wanted: CedarSet, tank: Fuel): boolean {
  for (const item of wanted.items) if (!contains(set, item, tank)) return false;
  return true;
}

export function containsAny(set: CedarSet, wanted: CedarSet, tank: Fuel): boolean {
  for (const item of wanted.items) if (contains(set, item, tank)) return true;
  return false;
}

function sameSet(a: CedarSet, b: CedarSet, tank: Fuel): boolean {
  if (a.items.length <= SMALL && b.items.length <= SMALL) {
    return containsAll(a, b, tank) && containsAll(b, a, tank);
  }
  const left = membersOf(a, tank);
  const right = membersOf(b, tank);
  burn(tank, left.plain.size + left.keys.size);
  return left.plain.size === right.plain.size && left.keys.size === right.keys.size
    ? left.plain.isSubsetOf(right.plain) && left.keys.isSubsetOf(right.keys)
    : false;
}

function sameRecord(a: CedarRecord, b: CedarRecord, tank: Fuel): boolean {
  if (a.size !== b.size) return false;
  burn(tank, a.size);
  for (const [name, value] of a.fields) {
    const other = b.get(name);
    if (other === undefined || !equal(value, other, tank)) return false;
  }
  return true;
}

function membersOf(set: CedarSet, tank: Fuel): SetMembers {
  if (set.members !== undefined) return set.members;
  burn(tank, set.items.length);
  const plain = new Set<Value>();
  const keys = new Set<string>();
  for (const item of set.items) {
    if (typeof item === 'object') keys.add(canonicalKey(item, tank));
    else plain.add(item);
  }
  set.members = { plain, keys };
  return set.members;
}

/**
 * A string that two values share exactly when they are equal. Every part carries its length or a terminator that
 * cannot occur in it, so no two different values can be written alike.
 */
export function canonicalKey(value: Value, tank: Fuel): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object') return `${String(value)};`;
  switch (value.kind) {
    case 'oversize':
      throw READ_OVERSIZE;
    case 'entity':
      return `e${quoted(value.type)}${quoted(value.id)}`;
    case 'decimal':
      return `c${value.units};`;
    case 'datetime':
      return `t${value.ms};`;
    case 'duration':
      return `d${value.ms};`;
    case 'ipaddr':
      return `i${value.bits}/${value.address}/${value.prefix};`;
    case 'set': {
      if (value.key === undefined) {
        burn(tank, value.items.length);
        const keys = new Set(value.items.map((item) => canonicalKey(item, tank)));
        value.key = `[${[...keys].sort().join('')}]`;
      }
      return value.key;
    }
    case 'record': {
      if (value.key === undefined) {
        burn(tank, value.size);
        const names = [...value.fields.keys()].sort();
        value.key = `{${names.map((name) => quoted(name) + keyOf(value, name, tank)).join('')}}`;
      }
      return value.key;
    }
  }
}

function keyOf(record: CedarRecord, name: string, tank: Fuel): string {
  const value = record.get(name);
  return value === undefined ? '' : canonicalKey(value, tank);
}

function quoted(text: string): string {
  return `"${text.length}:${text}`;
}
