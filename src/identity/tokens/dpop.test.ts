import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { sha256Base64Url } from '../../kernel/index.ts';
import { createTestIdentity, ISSUER, MCP } from '../test-identity.ts';
import { signJws } from './jws.ts';

const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
let count = 0;

const newKey = (algorithm: 'ES256' | 'EdDSA' = 'ES256') => {
  const { privateKey, publicKey } =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('ed25519');
  return { algorithm, privateKey, jwk: publicKey.export({ format: 'jwk' }) as object };
};
type Key = ReturnType<typeof newKey>;

const prove = (key: Key, claims: object, header: object = {}, signer?: KeyObject): string =>
  signJws(
    { typ: 'dpop+jwt', jwk: key.jwk, ...header },
    { jti: `j${count++}`, ...claims },
    signer ?? key.privateKey,
    key.algorithm,
  );

const bound = async (key: Key) => {
  const test = await createTestIdentity();
  const { file } = await test.keyed();
  const iat = Math.floor(test.clock.now() / 1000);
  const response = await test.post(
    '/oauth/token',
    {
      grant_type: 'client_credentials',
      client_assertion_type: TYPE,
      client_assertion: test.assertion(file),
    },
    { dpop: prove(key, { htm: 'POST', htu: `${ISSUER}/oauth/token`, iat }) },
  );
  const { access_token: token, token_type: type } = JSON.parse(response.body);
  const ask = (dpop: string | undefined, scheme = 'DPoP'): string => {
    const answer = test.identity.authenticator.authenticate({
      authorization: `${scheme} ${token}`,
      ...(dpop === undefined ? {} : { dpop }),
      method: 'POST',
      resource: MCP,
    });
    return 'reason' in answer ? answer.reason : 'accepted';
  };
  const good = { htm: 'POST', htu: MCP, iat, ath: sha256Base64Url(token) };
  return { ...test, token, type, ask, good, iat };
};

describe('a DPoP-bound token', () => {
  test.each(['ES256', 'EdDSA'] as const)('is accepted with a proof by its %s key', async (alg) => {
    const key = newKey(alg);
    const { ask, good, type } = await bound(key);
    expect(type).toBe('DPoP');
    expect(ask(prove(key, good))).toBe('accepted');
    // Query and fragment do not count; the same URL written differently is the same.
    expect(ask(prove(key, { ...good, htu: 'HTTPS://gw.example:443/mcp?x=1#y' }))).toBe('accepted');
  });

  test('is refused as Bearer, without a proof, and by another key', async () => {
    const key = newKey();
    const { ask, good } = await bound(key);
    expect(ask(prove(key, good), 'Bearer')).toBe('bound_token_as_bearer');
    expect(ask(undefined)).toBe('dpop_missing');
    expect(ask(prove(newKey(), good))).toBe('dpop_wrong_key');
  });

  test('accepts each proof once', async () => {
    const key = newKey();
    const { ask, good } = await bound(key);
    const proof = prove(key, good);
    expect(ask(proof)).toBe('accepted');
    expect(ask(proof)).toBe('dpop_replayed');
  });

  test.each<[string, string, object, object]>([
    ['of another method', 'dpop_wrong_method', { htm: 'GET' }, {}],
    ['for another URL', 'dpop_wrong_url', { htu: 'https://gw.example/mcp/github' }, {}],
    ['for another host', 'dpop_wrong_url', { htu: 'https://evil.example/mcp' }, {}],
    ['without a URL', 'dpop_wrong_url', { htu: undefined }, {}],
    ['that is too old', 'dpop_too_old', { iat: 1_799_999_000 }, {}],
    ['from the future', 'dpop_from_future', { iat: 1_800_000_060 }, {}],
    ['without a time', 'dpop_bad_time', { iat: undefined }, {}],
    ['for another token', 'dpop_wrong_token', { ath: sha256Base64Url('other') }, {}],
    ['without a token hash', 'dpop_wrong_token', { ath: undefined }, {}],
    ['without an id', 'dpop_bad_jti', { jti: undefined }, {}],
    ['with a huge id', 'dpop_bad_jti', { jti: 'x'.repeat(129) }, {}],
    ['of another type', 'dpop_wrong_type', {}, { typ: 'JWT' }],
    ['without a key', 'dpop_bad_key', {}, { jwk: undefined }],
    ['with a symmetric key', 'dpop_bad_key', {}, { jwk: { kty: 'oct', k: 'AAAA' } }],
    ['with an RSA key', 'dpop_bad_key', {}, { jwk: { kty: 'RSA', n: 'AQAB', e: 'AQAB' } }],
  ])('refuses a proof %s', async (_name, reason, claims, header) => {
    const key = newKey();
    const { ask, good } = await bound(key);
    expect(ask(prove(key, { ...good, ...claims }, header))).toBe(reason);
  });

  test('refuses a proof whose key is private, off the curve or not the signer', async () => {
    const key = newKey();
    const { ask, good } = await bound(key);
    const withPrivate = { jwk: key.privateKey.export({ format: 'jwk' }) };
    expect(ask(prove(key, good, withPrivate))).toBe('dpop_bad_key');
    const offCurve = { jwk: { ...key.jwk, y: 'A'.repeat(43) } };
    expect(ask(prove(key, good, offCurve))).toBe('dpop_bad_signature');
    expect(ask(prove(key, good, {}, newKey().privateKey))).toBe('dpop_bad_signature');
  });

  test('an unbound token is refused under the DPoP scheme', async () => {
    const { identity, keyed, token } = await createTestIdentity();
    const live = await token((await keyed()).file);
    expect(
      identity.authenticator.authenticate({
        authorization: `DPoP ${live}`,
        method: 'POST',
        resource: MCP,
      }),
    ).toMatchObject({ reason: 'not_bound' });
  });

  test('proofs from before the start of the process are refused', async () => {
    const key = newKey();
    const { ask, good, iat } = await bound(key);
    expect(ask(prove(key, { ...good, iat: iat - 1 }))).toBe('dpop_too_old');
  });
});
