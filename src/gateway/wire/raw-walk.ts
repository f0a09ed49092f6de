import type { RawJson } from '../model.ts';

/** Walks text that already passed the strict scan, so it checks nothing. All offsets are UTF-16 units. */

export function skipBlanks(text: string, pos: number): number {
  for (;;) {
    const code = text.charCodeAt(pos);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return pos;
    pos++;
  }
}

/**
 * Takes the offset of an opening quote, returns the offset after the closing one. Native search from quote to quote, and
 * the run of backslashes before each decides; the runs don't overlap, so it stays linear.
 */
export function skipString(text: string, pos: number): number {
  let quote = text.indexOf('"', pos + 1);
  while (quote >= 0) {
    let before = quote - 1;
    while (text.charCodeAt(before) === 0x5c && before > pos) before--;
    if ((quote - 1 - before) % 2 === 0) return quote + 1;
    quote = text.indexOf('"', quote + 1);
  }
  return text.length + 1;
}

/** Offset after the value that starts at `pos`. */
export function skipValue(text: string, pos: number): number {
  const first = text.charCodeAt(pos);
  if (first === 0x22) return skipString(text, pos);
  if (first !== 0x7b && first !== 0x5b) return skipScalar(text, pos);
  let depth = 0;
  for (;;) {
    const code = text.charCodeAt(pos);
    if (code === 0x22) {
      pos = skipString(text, pos);
      continue;
    }
    pos++;
    if (code === 0x7b || code === 0x5b) depth++;
    else if ((code === 0x7d || code === 0x5d) && --depth === 0) return pos;
    else if (Number.isNaN(code)) return text.length;
  }
}

function skipScalar(text: string, pos: number): number {
  for (;;) {
    const code = text.charCodeAt(pos);
    const more =
      (code >= 0x30 && code <= 0x39) ||
      (code >= 0x61 && code <= 0x7a) ||
      code === 0x2d ||
      code === 0x2b ||
      code === 0x2e ||
      code === 0x45;
    if (!more) return pos;
    pos++;
  }
}

export function decodeString(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end - 1);
  return inner.includes('\\') ? (JSON.parse(text.slice(start, end)) as string) : inner;
}

export interface Member {
  readonly key: string;
  readonly keyStart: number;
  readonly start: number;
  readonly end: number;
}

/** Calls `visit` for each member until it returns true. False when `raw` is not an object. */
export function walkMembers(raw: RawJson, visit: (member: Member) => boolean): boolean {
  let pos = skipBlanks(raw, 0);
  if (raw.charCodeAt(pos) !== 0x7b) return false;
  pos = skipBlanks(raw, pos + 1);
  while (raw.charCodeAt(pos) === 0x22) {
    const keyEnd = skipString(raw, pos);
    const start = skipBlanks(raw, skipBlanks(raw, keyEnd) + 1);
    const end = skipValue(raw, start);
    if (visit({ key: decodeString(raw, pos, keyEnd), keyStart: pos, start, end })) return true;
    pos = skipBlanks(raw, end);
    if (raw.charCodeAt(pos) !== 0x2c) break;
    pos = skipBlanks(raw, pos + 1);
  }
  return true;
}

export function findMember(raw: RawJson, key: string): Member | undefined {
  let found: Member | undefined;
  walkMembers(raw, (member) => {
    if (member.key !== key) return false;
    found = member;
    return true;
  });
  return found;
}
