import { createPrivateKey, type KeyObject, sign } from 'node:crypto';

export type SigningAlgorithm = 'ES256' | 'ES384' | 'RS256' | 'EdDSA';

export interface SigningKey {
  readonly key: KeyObject;
  readonly algorithm: SigningAlgorithm;
}

/** A private key from PEM; undefined when it is none that signs here: P-256, P-384, Ed25519, RSA from 2048 bits on. */
export function readSigningKey(pem: string): SigningKey | undefined {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return undefined;
  }
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1')
    return { key, algorithm: 'ES256' };
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'secp384r1')
    return { key, algorithm: 'ES384' };
  if (key.asymmetricKeyType === 'ed25519') return { key, algorithm: 'EdDSA' };
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= 2048) return { key, algorithm: 'RS256' };
  return undefined;
}

/** A compact JWS (RFC 7515); `alg` is the key's. */
export function signJwt(
  header: Readonly<Record<string, unknown>>,
  payload: Readonly<Record<string, unknown>>,
  { key, algorithm }: SigningKey,
): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part({ ...header, alg: algorithm })}.${part(payload)}`;
  const hash = { ES256: 'sha256', ES384: 'sha384', RS256: 'sha256', EdDSA: null }[algorithm];
  const signature = sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}
