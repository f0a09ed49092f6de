const PREFIX = '=?base64?';
const SUFFIX = '?=';

/**
 * Value of `Mcp-Name` and `Mcp-Param-*` (2026-07-28, transports): plain when it is visible ASCII (blanks and tabs
 * inside) without edge blanks, else `=?base64?<base64 of UTF-8>?=`. What looks like the marker is encoded too. Lone
 * surrogates become U+FFFD.
 */
export function encodeHeaderValue(value: string): string {
  const plain = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/.test(value) || value === '';
  if (plain && !(value.startsWith(PREFIX) && value.endsWith(SUFFIX))) return value;
  return PREFIX + Buffer.from(value, 'utf8').toString('base64') + SUFFIX;
}

/**
 * The value a header carries; undefined when it is malformed: bytes outside visible ASCII, base64 that is not exactly
 * what an encoder writes (padding included), or not UTF-8. Markers are case-sensitive.
 */
export function decodeHeaderValue(header: string): string | undefined {
  if (
    !header.startsWith(PREFIX) ||
    !header.endsWith(SUFFIX) ||
    header.length < PREFIX.length + SUFFIX.length
  ) {
    return /^[\x20-\x7e\t]*$/.test(header) ? header : undefined;
  }
  const base64 = header.slice(PREFIX.length, -SUFFIX.length);
  const bytes = Buffer.from(base64, 'base64');
  // Buffer skips what it doesn't know; only the canonical text may pass, or two readers would see two values.
  if (bytes.toString('base64') !== base64) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
