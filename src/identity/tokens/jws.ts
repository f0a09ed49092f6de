import { type KeyObject, sign, verify } from 'node:crypto';
import type { KeyAlgorithm } from '../model.ts';
import { derOf, jwsOf } from './ecdsa-signature.ts';

/** Longest compact JWS we look at; ours are below 1 kB. */
export const MAX_TOKEN_LENGTH = 8192;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

export interface CompactJws {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly signature: Buffer;
  readonly signingInput: string;
}

/**
 * Splits and decodes a compact JWS (RFC 7515 section 7.1) without trusting anything in it; undefined
 * when it is malformed. Only the canonical base64url of each part is accepted: with spare bits
 * ignored, several texts would be the same token and a changed token could verify.
 */
export function parseCompact(token: string): CompactJws | undefined {
  if (token.length > MAX_TOKEN_LENGTH) return undefined;
  const first = token.indexOf('.');
  const second = token.indexOf('.', first + 1);
  if (first < 1 || second < 0) return undefined;
  const header = decodeObject(token.slice(0, first));
  const payload = decodeObject(token.slice(first + 1, second));
  const signature = decode(token.slice(second + 1));
  if (header === undefined || payload === undefined || signature === undefined) return undefined;
  // RFC 7515 section 4.1.11: extensions we do not know must be refused; we know none.
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) return undefined;
  return { header, payload, signature, signingInput: token.slice(0, second) };
}

/**
 * True when the signature is by `key` under `algorithm`. The algorithm comes from what is known of
 * the key; the header's `alg` must agree and never chooses. Synchronous, 80 to 105 µs.
 */
export function verifyJws(jws: CompactJws, key: KeyObject, algorithm: KeyAlgorithm): boolean {
  if (jws.header['alg'] !== algorithm || jws.signature.byteLength !== 64) return false;
  try {
    return algorithm === 'ES256'
      ? verify('sha256', Buffer.from(jws.signingInput), key, derOf(jws.signature))
      : verify(null, Buffer.from(jws.signingInput), key, jws.signature);
  } catch {
    return false;
  }
}

/** A compact JWS. `key` must be of `algorithm`; `alg` is set here. */
export function signJws(
  header: Readonly<Record<string, unknown>>,
  payload: Readonly<Record<string, unknown>>,
  key: KeyObject,
  algorithm: KeyAlgorithm,
): string {
  const input = `${encode({ ...header, alg: algorithm })}.${encode(payload)}`;
  const signature =
    algorithm === 'ES256'
      ? jwsOf(sign('sha256', Buffer.from(input), key))
      : sign(null, Buffer.from(input), key);
  return `${input}.${signature.toString('base64url')}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(text: string): Buffer | undefined {
  if (!BASE64URL.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function decodeObject(text: string): Record<string, unknown> | undefined {
  const bytes = decode(text);
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
