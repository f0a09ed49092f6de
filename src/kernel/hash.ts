import { hash, timingSafeEqual } from 'node:crypto';

/**
 * SHA-256 as 64 lower-case hex digits. A string is hashed as its UTF-8 bytes; lone surrogates
 * become U+FFFD there, so hash canonical text (which refuses them) when distinctness matters.
 */
export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

/** SHA-256 as 43 characters of base64url without padding (RFC 4648 section 5). */
export function sha256Base64Url(data: string | Uint8Array): string {
  return hash('sha256', data, 'base64url');
}

/**
 * Equality whose time does not depend on where two texts differ. The time does tell whether the
 * byte lengths agree: compare texts of a fixed length, or their hashes.
 */
export function timingSafeEqualText(a: string, b: string): boolean {
  const left = Buffer.from(a, 'utf8');
  const right = Buffer.from(b, 'utf8');
  if (left.byteLength !== right.byteLength) return false;
  // The last comparison only runs on equal bytes; it tells lone surrogates from a real U+FFFD.
  return timingSafeEqual(left, right) && a === b;
}
