import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { type Clock, type Random, SECOND_MS, sha256Base64Url } from '../../kernel/index.ts';
import { type SigningKey, signJwt } from './signing-key.ts';

/** A private P-256 JWK, as it is stored. */
export interface DpopJwk {
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
  readonly y: string;
  readonly d: string;
}

export interface DpopSigner {
  readonly jwk: DpopJwk;
  /** A proof for one request (RFC 9449 section 4.2); `url` is without query and fragment. About 40 µs. */
  proof(verb: string, url: string, nonce: string | undefined, accessToken?: string): string;
}

export const DPOP_ALGORITHM = 'ES256';

export function makeDpopKey(): DpopJwk {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { kty = '', crv = '', x = '', y = '', d = '' } = privateKey.export({ format: 'jwk' });
  return { kty, crv, x, y, d };
}

/** Throws when the numbers are no key. */
export function createDpopSigner(
  jwk: DpopJwk,
  deps: { readonly clock: Clock; readonly random: Random },
): DpopSigner {
  const { kty, crv, x, y } = jwk;
  const key: SigningKey = {
    key: createPrivateKey({ key: { ...jwk }, format: 'jwk' }),
    algorithm: DPOP_ALGORITHM,
  };
  const header = { typ: 'dpop+jwt', jwk: { kty, crv, x, y } };
  return {
    jwk,
    proof: (verb, url, nonce, accessToken) =>
      signJwt(
        header,
        {
          jti: Buffer.from(deps.random.bytes(16)).toString('base64url'),
          htm: verb,
          htu: url,
          iat: Math.floor(deps.clock.now() / SECOND_MS),
          ...(nonce === undefined ? {} : { nonce }),
          ...(accessToken === undefined ? {} : { ath: sha256Base64Url(accessToken) }),
        },
        key,
      ),
  };
}
