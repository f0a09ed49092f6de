import { createPublicKey, type KeyObject } from 'node:crypto';
import { sha256Base64Url } from '../../kernel/index.ts';
import type { KeyAlgorithm, PublicJwk } from '../model.ts';

const COORDINATE = /^[A-Za-z0-9_-]{43}$/;
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

export interface PublicKey {
  readonly jwk: PublicJwk;
  readonly algorithm: KeyAlgorithm;
  readonly thumbprint: string;
}

/**
 * Reads a hostile value as a public P-256 or Ed25519 key; undefined for anything else: private
 * members, symmetric keys, RSA, other curves, wrong lengths. Does not prove that the point is on the
 * curve; `importPublicKey` does.
 */
export function readPublicJwk(value: unknown): PublicKey | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { kty, crv, x, y } = value as Record<string, unknown>;
  if (PRIVATE_MEMBERS.some((member) => Object.hasOwn(value, member))) return undefined;
  if (typeof x !== 'string' || !COORDINATE.test(x)) return undefined;
  if (kty === 'EC' && crv === 'P-256' && typeof y === 'string' && COORDINATE.test(y))
    return finish({ kty, crv, x, y }, 'ES256');
  if (kty === 'OKP' && crv === 'Ed25519' && y === undefined)
    return finish({ kty, crv, x }, 'EdDSA');
  return undefined;
}

/** The key for `node:crypto`; undefined when the numbers are no key. About 66 µs for P-256: cache it. */
export function importPublicKey(jwk: PublicJwk): KeyObject | undefined {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function finish(jwk: PublicJwk, algorithm: KeyAlgorithm): PublicKey {
  // RFC 7638 section 3.2 and RFC 8037 section 2: exactly the required members, sorted. All are base64url or constants, so
  // nothing needs escaping; a DPoP proof pays for this on every call.
  const { crv, kty, x, y } = jwk;
  const text = `{"crv":"${crv}","kty":"${kty}","x":"${x}"${y === undefined ? '' : `,"y":"${y}"`}}`;
  return { jwk, algorithm, thumbprint: sha256Base64Url(text) };
}
