import type { JsonValue } from '../../policy/index.ts';
import type { RawJson } from '../model.ts';
import { decodeString, skipBlanks, skipString, skipValue } from './raw-walk.ts';

/**
 * Values of scanned JSON. Integers beyond 2^53 become bigint, objects have no prototype (so `__proto__` is an ordinary
 * key). Recursion is bounded by the scan's depth limit.
 */
export function parseRaw(raw: RawJson): JsonValue {
  return parseAt({ text: raw, pos: skipBlanks(raw, 0) });
}

interface Cursor {
  readonly text: string;
  pos: number;
}

function parseAt(cursor: Cursor): JsonValue {
  const { text, pos } = cursor;
  const code = text.charCodeAt(pos);
  if (code === 0x22) {
    cursor.pos = skipString(text, pos);
    return decodeString(text, pos, cursor.pos);
  }
  if (code === 0x7b) return parseObject(cursor);
  if (code === 0x5b) return parseArray(cursor);
  cursor.pos = skipValue(text, pos);
  if (code === 0x74) return true;
  if (code === 0x66) return false;
  if (code === 0x6e) return null;
  return parseNumber(text.slice(pos, cursor.pos));
}

function parseNumber(token: string): number | bigint {
  const value = Number(token);
  if (Number.isSafeInteger(value) || !/^-?\d+$/.test(token)) return value;
  return BigInt(token);
}

function parseObject(cursor: Cursor): JsonValue {
  const { text } = cursor;
  const object = Object.create(null) as Record<string, JsonValue>;
  cursor.pos = skipBlanks(text, cursor.pos + 1);
  while (text.charCodeAt(cursor.pos) === 0x22) {
    const keyStart = cursor.pos;
    const keyEnd = skipString(text, keyStart);
    cursor.pos = skipBlanks(text, skipBlanks(text, keyEnd) + 1);
    object[decodeString(text, keyStart, keyEnd)] = parseAt(cursor);
    cursor.pos = skipBlanks(text, cursor.pos);
    if (text.charCodeAt(cursor.pos) !== 0x2c) break;
    cursor.pos = skipBlanks(text, cursor.pos + 1);
  }
  cursor.pos++;
  return object;
}

function parseArray(cursor: Cursor): JsonValue {
  const { text } = cursor;
  const items: JsonValue[] = [];
  cursor.pos = skipBlanks(text, cursor.pos + 1);
  while (text.charCodeAt(cursor.pos) !== 0x5d && cursor.pos < text.length) {
    items.push(parseAt(cursor));
    cursor.pos = skipBlanks(text, cursor.pos);
    if (text.charCodeAt(cursor.pos) !== 0x2c) break;
    cursor.pos = skipBlanks(text, cursor.pos + 1);
  }
  cursor.pos++;
  return items;
}
