import type { RawJson } from '../model.ts';
import { decodeString, findMember, skipBlanks, skipValue, walkMembers } from './raw-walk.ts';

/** ECMAScript 2026, in Node since 22; not yet in the type library. */
const json = JSON as unknown as { rawJSON(text: string): unknown };

export { parseRaw } from './parse-raw.ts';
export { type ScanError, type ScanLimits, scanJson } from './scan-json.ts';

/** Members in order, values as slices of `raw`; undefined when it is not an object. */
export function rawMembers(raw: RawJson): Map<string, RawJson> | undefined {
  const members = new Map<string, RawJson>();
  const isObject = walkMembers(raw, (member) => {
    members.set(member.key, raw.slice(member.start, member.end) as RawJson);
    return false;
  });
  return isObject ? members : undefined;
}

/** The value of one member; undefined when absent or when `raw` is not an object. */
export function rawGet(raw: RawJson, key: string): RawJson | undefined {
  const member = findMember(raw, key);
  return member && (raw.slice(member.start, member.end) as RawJson);
}

/**
 * Replaces the value in place, else appends the member; every other byte stays. Returns `raw` unchanged when it is not
 * an object.
 */
export function rawSet(raw: RawJson, key: string, value: RawJson): RawJson {
  const member = findMember(raw, key);
  if (member) return (raw.slice(0, member.start) + value + raw.slice(member.end)) as RawJson;
  const open = skipBlanks(raw, 0);
  if (raw.charCodeAt(open) !== 0x7b) return raw;
  const close = raw.lastIndexOf('}');
  const empty = skipBlanks(raw, open + 1) === close;
  return `${raw.slice(0, close)}${empty ? '' : ','}${rawString(key)}:${value}${raw.slice(close)}` as RawJson;
}

/** Removes one member with one of its commas; every other byte stays. */
export function rawDelete(raw: RawJson, key: string): RawJson {
  const member = findMember(raw, key);
  if (!member) return raw;
  const after = skipBlanks(raw, member.end);
  if (raw.charCodeAt(after) === 0x2c) {
    return (raw.slice(0, member.keyStart) + raw.slice(skipBlanks(raw, after + 1))) as RawJson;
  }
  let before = member.keyStart - 1;
  while (' \t\r\n'.includes(raw.charAt(before))) before--;
  // Last member: its comma stands before it; an only member has the brace there.
  const cut = raw.charCodeAt(before) === 0x2c ? before : member.keyStart;
  return (raw.slice(0, cut) + raw.slice(member.end)) as RawJson;
}

/** Items as slices; undefined when `raw` is not an array. */
export function rawItems(raw: RawJson): RawJson[] | undefined {
  let pos = skipBlanks(raw, 0);
  if (raw.charCodeAt(pos) !== 0x5b) return undefined;
  const items: RawJson[] = [];
  pos = skipBlanks(raw, pos + 1);
  while (raw.charCodeAt(pos) !== 0x5d && pos < raw.length) {
    const end = skipValue(raw, pos);
    items.push(raw.slice(pos, end) as RawJson);
    pos = skipBlanks(raw, end);
    if (raw.charCodeAt(pos) !== 0x2c) break;
    pos = skipBlanks(raw, pos + 1);
  }
  return items;
}

export function rawArray(items: Iterable<RawJson>): RawJson {
  return `[${[...items].join(',')}]` as RawJson;
}

/** The caller vouches that keys are unique. */
export function rawObject(entries: Iterable<readonly [string, RawJson]>): RawJson {
  let text = '';
  for (const [key, value] of entries) text += `${text === '' ? '' : ','}${rawString(key)}:${value}`;
  return `{${text}}` as RawJson;
}

/** A JSON string; lone surrogates become U+FFFD so that the result passes the strict scan. */
export function rawString(value: string): RawJson {
  return JSON.stringify(value.isWellFormed() ? value : value.toWellFormed()) as RawJson;
}

/**
 * JSON of a value we made. Bigints keep all digits, lone surrogates in values become U+FFFD. Throws TypeError for what
 * JSON can't hold (undefined, functions, cycles): a bug of the caller.
 */
export function rawOf(value: unknown): RawJson {
  const text = JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'string') return item.isWellFormed() ? item : item.toWellFormed();
    return typeof item === 'bigint' ? json.rawJSON(String(item)) : item;
  });
  if (text === undefined) throw new TypeError('not a JSON value');
  return text as RawJson;
}

/** The string's value; undefined when `raw` is not a string. */
export function rawAsString(raw: RawJson): string | undefined {
  const start = skipBlanks(raw, 0);
  return raw.charCodeAt(start) === 0x22
    ? decodeString(raw, start, skipValue(raw, start))
    : undefined;
}

export type RawKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

export function rawKind(raw: RawJson): RawKind {
  const code = raw.charCodeAt(skipBlanks(raw, 0));
  if (code === 0x7b) return 'object';
  if (code === 0x5b) return 'array';
  if (code === 0x22) return 'string';
  if (code === 0x74 || code === 0x66) return 'boolean';
  return code === 0x6e ? 'null' : 'number';
}
