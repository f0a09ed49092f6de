import { createHmac, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MINUTE_MS, sha256Base64Url } from '../kernel/index.ts';
import { ISSUER_KEY_FILE } from './keys/issuer-keys.ts';
import { ownerMark } from './revocations.ts';
import { BY, createTestIdentity, ISSUER, MCP, type TestIdentity } from './test-identity.ts';
import { parseCompact, signJws } from './tokens/jws.ts';

const issuerKey = (directory: string): KeyObject => {
  const { current } = JSON.parse(readFileSync(join(directory, ISSUER_KEY_FILE), 'utf8'));
  return createPrivateKey({ key: current, format: 'jwk' });
};
const b64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A valid token taken apart, and a way to sign a changed one with the genuine key. */
const forge = async (test: TestIdentity) => {
  const { file } = await test.keyed();
  const good = await test.token(file);
  const { header, payload } = parseCompact(good)!;
  const key = issuerKey(test.directory);
  return {
    good,
    header,
    payload,
    sign: (changes: object, headerChanges: object = {}) =>
      signJws({ ...header, ...headerChanges }, { ...payload, ...changes }, key, 'ES256'),
  };
};

describe('an access token', () => {
  test('makes a principal with the agent, its path and when it was issued', async () => {
    const { keyed, token, present, clock } = await createTestIdentity();
    const { agent, file } = await keyed();
    expect(present(await token(file))).toMatchObject({
      agent: { id: agent.id },
      path: [agent.id],
      credential: {
        kind: 'access_token',
        client: agent.id,
        issuedAt: clock.now(),
        expiresAt: clock.now() + 5 * MINUTE_MS,
      },
      scopes: ['mcp'],
    });
  });

  test('has the claims of RFC 9068 and a life of 300 seconds', async () => {
    const { keyed, token } = await createTestIdentity();
    const { agent, file } = await keyed();
    const { header, payload } = parseCompact(await token(file))!;
    expect(header).toMatchObject({ typ: 'at+jwt', alg: 'ES256' });
    expect(payload).toMatchObject({
      iss: ISSUER,
      aud: MCP,
      sub: agent.id,
      client_id: agent.id,
      agt: [agent.id],
      own: 'ann@example.com',
    });
    expect(Number(payload['exp']) - Number(payload['iat'])).toBe(300);
  });

  test('is shared between the requests that present it', async () => {
    const { keyed, token, present } = await createTestIdentity();
    const live = await token((await keyed()).file);
    expect(present(live)).toBe(present(live));
  });

  test('brings the agent as it is now, not as it was when the token was first seen', async () => {
    const { identity, keyed, token, present } = await createTestIdentity();
    const { agent, file } = await keyed();
    const live = await token(file);
    present(live);
    await identity.registry.update(agent.id, agent.version, { groups: ['mail'] }, BY);
    expect(present(live)).toMatchObject({ agent: { groups: ['mail'], version: 3 } });
  });

  test('expires also while it is cached', async () => {
    const { keyed, token, present, clock } = await createTestIdentity();
    const live = await token((await keyed()).file);
    clock.advance(5 * MINUTE_MS - 1);
    expect(typeof present(live)).toBe('object');
    clock.advance(1);
    expect(present(live)).toBe('expired');
  });

  test('for one server is refused at another and at the common endpoint', async () => {
    const { keyed, token, present } = await createTestIdentity();
    const { file } = await keyed();
    const github = await token(file, `${MCP}/github`);
    expect(typeof present(github, `${MCP}/github`)).toBe('object');
    expect(present(github, `${MCP}/files`)).toBe('wrong_audience');
    expect(present(github, MCP)).toBe('wrong_audience');
  });

  test('for the common endpoint is good at a server only while parents are accepted', async () => {
    for (const acceptParent of [true, false]) {
      const { keyed, token, present } = await createTestIdentity({ acceptParent });
      const common = await token((await keyed()).file);
      const answer = present(common, `${MCP}/github`);
      expect(typeof answer === 'object' ? 'accepted' : answer).toBe(
        acceptParent ? 'accepted' : 'wrong_audience',
      );
      expect(present(common, 'https://gw.example.evil/mcp')).toBe('wrong_audience');
    }
  });

  test.each<[string, string, object, object]>([
    ['another issuer', 'wrong_issuer', { iss: 'https://evil.example' }, {}],
    ['a list of audiences', 'wrong_audience', { aud: [MCP] }, {}],
    ['another audience', 'wrong_audience', { aud: 'https://other.example/mcp' }, {}],
    ['the type of an ID token', 'wrong_type', {}, { typ: 'JWT' }],
    ['the type of a DPoP proof', 'wrong_type', {}, { typ: 'dpop+jwt' }],
    ['an unknown key', 'unknown_key', {}, { kid: 'x' }],
    ['no key id', 'unknown_key', {}, { kid: undefined }],
    ['a critical extension', 'malformed', {}, { crit: ['exp'] }],
    ['an end in the past', 'expired', { exp: 1 }, {}],
    ['no end', 'bad_claims', { exp: undefined }, {}],
    ['an end that is text', 'bad_claims', { exp: '9999999999' }, {}],
    ['a begin in the future', 'from_future', { iat: 1_800_000_100, exp: 1_800_000_400 }, {}],
    ['an unknown agent', 'unknown_agent', { agt: ['agt_x'], sub: 'agt_x' }, {}],
    ['an empty path', 'bad_claims', { agt: [] }, {}],
    ['a path of another agent', 'bad_claims', { agt: ['agt_x'] }, {}],
    ['a user without an actor', 'bad_claims', { sub: 'ann@example.com' }, {}],
    ['an unknown confirmation method', 'unknown_binding', { cnf: { 'x5t#S256': 'x' } }, {}],
  ])('with %s is refused, though genuinely signed', async (_name, reason, claims, header) => {
    const identity = await createTestIdentity();
    const { sign } = await forge(identity);
    expect(typeof identity.present(sign({}))).toBe('object');
    expect(identity.present(sign(claims, header))).toBe(reason);
  });

  test('cannot choose its algorithm: none, HS256 with the public key, ES384, other keys', async () => {
    const identity = await createTestIdentity();
    const { header, payload } = await forge(identity);
    const [jwk] = identity.identity.issuerKeys.jwks().keys;
    const body = b64(payload);
    const none = `${b64({ ...header, alg: 'none' })}.${body}.`;
    const noneWithText = `${b64({ ...header, alg: 'none' })}.${body}.AAAA`;
    const input = `${b64({ ...header, alg: 'HS256' })}.${body}`;
    const mac = (key: string): string =>
      `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const own = generateKeyPairSync('ed25519').privateKey;
    for (const token of [
      none,
      noneWithText,
      mac(JSON.stringify(jwk)),
      mac(jwk!['x']!),
      signJws(header, payload, other, 'ES256'),
      signJws(header, payload, own, 'EdDSA'),
      // The key that comes along is never looked at.
      signJws({ ...header, jwk: other.export({ format: 'jwk' }) }, payload, other, 'ES256'),
    ])
      expect(['malformed', 'wrong_algorithm', 'bad_signature']).toContain(identity.present(token));
  });

  test('never verifies after any single character was changed, removed or added', async () => {
    const identity = await createTestIdentity();
    const { good } = await forge(identity);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ';
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.constantFrom(...alphabet),
        fc.constantFrom('change', 'remove', 'insert'),
        (at, character, how) => {
          const changed =
            good.slice(0, at) +
            (how === 'remove' ? '' : character) +
            good.slice(how === 'insert' ? at : at + 1);
          fc.pre(changed.trim() !== good);
          expect(typeof identity.present(changed)).toBe('string');
        },
      ),
      { numRuns: 1500 },
    );
  });

  test('has one text only: spare bits of the last character are not ignored', async () => {
    const identity = await createTestIdentity();
    const { good } = await forge(identity);
    const bytes = Buffer.from(good.split('.')[2]!, 'base64url');
    const same = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
      .map((last) => good.slice(0, -1) + last)
      .filter((text) => Buffer.from(text.split('.')[2]!, 'base64url').equals(bytes));
    expect(same.length).toBeGreaterThan(1);
    expect(same.filter((text) => typeof identity.present(text) === 'object')).toEqual([good]);
  });
});

describe('what is presented', () => {
  test('is refused with a reason and never throws, whatever it is', async () => {
    const { identity } = await createTestIdentity();
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.base64String().map((text) => `Bearer ${text}`),
      fc
        .array(fc.jsonValue(), { minLength: 3, maxLength: 3 })
        .map((parts) => `Bearer ${parts.map((part) => b64({ a: part })).join('.')}`),
      fc
        .tuple(fc.jsonValue(), fc.jsonValue())
        .map(([alg, kid]) => `DPoP ${b64({ typ: 'at+jwt', alg, kid })}.${b64({})}.AAAA`),
    );
    fc.assert(
      fc.property(hostile, fc.string({ unit: 'binary' }), (authorization, dpop) => {
        const answer = identity.authenticator.authenticate({
          authorization,
          dpop,
          method: 'POST',
          resource: MCP,
        });
        expect(answer).toMatchObject({ refused: true });
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['nothing', undefined, undefined, 'missing'],
    ['an empty header', '', undefined, 'missing'],
    ['Basic credentials', 'Basic YTpi', undefined, 'unsupported_scheme'],
    ['a scheme alone', 'Bearer', undefined, 'unsupported_scheme'],
    ['a scheme and white space', 'Bearer  ', 'invalid_request', 'malformed'],
    ['more than 8 kB', `Bearer ${'a'.repeat(8193)}`, 'invalid_request', 'malformed'],
  ])('%s is refused precisely', async (_name, authorization, error, reason) => {
    const { identity } = await createTestIdentity();
    expect(
      identity.authenticator.authenticate({ authorization, method: 'GET', resource: MCP }),
    ).toEqual({ refused: true, reason, ...(error === undefined ? {} : { error }) });
  });
});

describe('revocation', () => {
  test.each<[string, (test: TestIdentity, agentId: string, jti: string) => Promise<unknown>]>([
    ['the token', ({ identity }, id, jti) => identity.revocations.revoke(jti, BY, id)],
    ['the agent', ({ identity }, id) => identity.revocations.revoke(id, BY)],
    ['its owner', ({ identity }) => identity.revocations.revoke(ownerMark('ann@example.com'), BY)],
    [
      'the key',
      ({ identity }, id) => identity.agentKeys.revoke(identity.agentKeys.list(id)[0]!.id, BY),
    ],
  ])('of %s kills a cached token and cuts its streams', async (_name, revoke) => {
    const test = await createTestIdentity();
    const { agent, file } = await test.keyed();
    const other = await test.keyed('other');
    const live = await test.token(file);
    const principal = test.present(live);
    if (typeof principal === 'string') throw new Error(principal);
    const told = new Set<string>();
    test.identity.authenticator.onRevoked((id) => told.add(id));
    await revoke(test, agent.id, principal.credential.id);
    expect(test.present(live)).toBe('revoked');
    expect(test.identity.authenticator.revoked(principal)).toBe('revoked');
    expect(test.identity.authenticator.revoked({ ...principal })).toBe('revoked');
    expect(told.has(agent.id)).toBe(true);
    if (_name !== 'its owner') expect(told.has(other.agent.id)).toBe(false);
  });

  test('in the same millisecond tells tokens before it from tokens after it', async () => {
    const { identity, keyed, token, present } = await createTestIdentity();
    const { agent, file } = await keyed();
    const before = await token(file);
    await identity.revocations.revoke(agent.id, BY);
    const after = await token(file);
    expect(present(before)).toBe('revoked');
    expect(typeof present(after)).toBe('object');
  });

  test('holds after a restart, also for tokens made before it with the clock set back', async () => {
    const first = await createTestIdentity();
    const { agent, file } = await first.keyed();
    const live = await first.token(file);
    await first.identity.revocations.revoke(agent.id, BY);
    const second = await createTestIdentity({
      store: first.store,
      directory: first.directory,
    });
    expect(second.present(live)).toBe('revoked');
    expect(typeof second.present(await second.token(file))).toBe('object');
  });

  test('is in force although it cannot be recorded', async () => {
    let full = false;
    const { identity, keyed, token, present } = await createTestIdentity({
      onChange: () => {
        if (full) throw new Error('disk full');
      },
    });
    const { agent, file } = await keyed();
    const live = await token(file);
    full = true;
    const [key] = identity.agentKeys.list(agent.id);
    await expect(identity.agentKeys.revoke(key!.id, BY)).rejects.toThrow('disk full');
    expect(present(live)).toBe('revoked');
    expect(await token(file)).toBeUndefined();
  });

  test('forgets a listener that unsubscribed', async () => {
    const { identity, agent } = await createTestIdentity();
    const { id } = await agent();
    const told: string[] = [];
    identity.authenticator.onRevoked((one) => told.push(one))();
    await identity.revocations.revoke(id, BY);
    expect(told).toEqual([]);
  });
});

describe('a bootstrap token', () => {
  test('works until it expires, and is nowhere stored', async () => {
    const { identity, agent, present, store, changes, clock } = await createTestIdentity();
    const { id } = await agent();
    const { token } = await identity.bootstraps.issue(id, BY);
    expect(present(token)).toMatchObject({ credential: { kind: 'bootstrap' }, agent: { id } });
    const kept = JSON.stringify([await store.bootstraps(), changes]);
    expect(kept).not.toContain(token.slice(4));
    expect(kept).toContain(sha256Base64Url(token));
    clock.advance(60 * MINUTE_MS);
    expect(present(token)).toBe('expired');
  });

  test('dies when it, or its agent, is revoked', async () => {
    const { identity, agent, present } = await createTestIdentity();
    const { id } = await agent();
    const one = await identity.bootstraps.issue(id, BY);
    const two = await identity.bootstraps.issue(id, BY);
    present(one.token);
    await identity.bootstraps.revoke(one.id, BY);
    expect(present(one.token)).toBe('revoked');
    expect(typeof present(two.token)).toBe('object');
    await identity.registry.transition(id, 'suspended', BY);
    expect(present(two.token)).toBe('agent_suspended');
  });

  test('is bounded in life and number, and only for agents that may work', async () => {
    const { identity, agent } = await createTestIdentity();
    const { id } = await agent();
    for (const life of [1, 25 * 60 * MINUTE_MS, Number.NaN])
      await expect(identity.bootstraps.issue(id, BY, life)).rejects.toMatchObject({
        code: 'IDENTITY_INVALID',
      });
    for (let i = 0; i < 8; i++) await identity.bootstraps.issue(id, BY);
    await expect(identity.bootstraps.issue(id, BY)).rejects.toMatchObject({
      code: 'IDENTITY_LIMIT',
    });
    await identity.registry.transition(id, 'retired', BY);
    await expect(identity.bootstraps.issue(id, BY)).rejects.toMatchObject({
      code: 'IDENTITY_INVALID',
    });
  });
});
