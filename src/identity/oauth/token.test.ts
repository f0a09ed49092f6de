import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { MINUTE_MS, SECOND_MS } from '../../kernel/index.ts';
import type { AgentKeyFile } from '../credentials/client-assertion.ts';
import { BY, createTestIdentity, ISSUER, MCP, type TestIdentity } from '../test-identity.ts';
import { parseCompact, signJws } from '../tokens/jws.ts';

const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const form = (assertion: string, over: Record<string, string> = {}): Record<string, string> => ({
  grant_type: 'client_credentials',
  client_assertion_type: TYPE,
  client_assertion: assertion,
  ...over,
});
const signWith = (file: AgentKeyFile, claims: object, header: object = {}): string => {
  const { kid, alg, ...jwk } = file.key;
  return signJws(
    { typ: 'JWT', kid, ...header },
    claims as Record<string, unknown>,
    createPrivateKey({ key: { ...jwk }, format: 'jwk' }),
    alg,
  );
};
const claimsOf = (test: TestIdentity, file: AgentKeyFile) => {
  const iat = Math.floor(test.clock.now() / SECOND_MS);
  return {
    iss: file.clientId,
    sub: file.clientId,
    aud: ISSUER,
    jti: 'j1',
    iat,
    exp: iat + 60,
  };
};
const lastReason = ({ events }: TestIdentity): string | undefined =>
  events.findLast((event) => event.kind === 'client.refused')?.reason;

describe('client_credentials with private_key_jwt', () => {
  test.each(['ES256', 'EdDSA'] as const)('gives a token for an %s assertion', async (alg) => {
    const test = await createTestIdentity();
    const { file, agent } = await test.keyed('mailer', alg);
    const response = await test.post('/oauth/token', form(test.assertion(file)));
    expect(response.status).toBe(200);
    expect(response.headers['cache-control']).toBe('no-store');
    expect(JSON.parse(response.body)).toMatchObject({
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'mcp',
    });
    expect(test.events.at(-1)).toMatchObject({ kind: 'token.issued', agentId: agent.id });
  });

  test.each([`${ISSUER}/oauth/token`, [ISSUER]])('accepts the audience %j', async (aud) => {
    const test = await createTestIdentity();
    const { file } = await test.keyed();
    const assertion = signWith(file, { ...claimsOf(test, file), aud });
    expect((await test.post('/oauth/token', form(assertion))).status).toBe(200);
  });

  test('puts the requested resource into aud, whatever its spelling, and the default otherwise', async () => {
    const test = await createTestIdentity();
    const { file } = await test.keyed();
    const audience = async (resource?: string) =>
      parseCompact(await test.token(file, resource))!.payload['aud'];
    expect(await audience()).toBe(MCP);
    expect(await audience('HTTPS://GW.example:443/mcp/github/')).toBe(`${MCP}/github`);
  });

  test.each([
    'https://evil.example/mcp',
    `${MCP}/unknown`,
    `${MCP}?x=1`,
    `${MCP}#x`,
    'https://user@gw.example/mcp',
    'not a url',
  ])('refuses the resource %s', async (resource) => {
    const test = await createTestIdentity();
    const { file } = await test.keyed();
    const response = await test.post('/oauth/token', form(test.assertion(file), { resource }));
    expect(response.status).toBe(400);
    expect(JSON.parse(response.body)).toMatchObject({ error: 'invalid_target' });
  });

  test('accepts an assertion once', async () => {
    const test = await createTestIdentity();
    const { file } = await test.keyed();
    const assertion = test.assertion(file);
    expect((await test.post('/oauth/token', form(assertion))).status).toBe(200);
    const again = await test.post('/oauth/token', form(assertion));
    expect(again.status).toBe(401);
    expect(JSON.parse(again.body)).toMatchObject({ error: 'invalid_client' });
    expect(lastReason(test)).toBe('replayed');
  });

  test.each<[string, string, Record<string, unknown>, Record<string, unknown>]>([
    ['another audience', 'wrong_audience', { aud: 'https://evil.example' }, {}],
    ['two audiences', 'wrong_audience', { aud: [ISSUER, 'https://evil.example'] }, {}],
    ['no audience', 'wrong_audience', { aud: undefined }, {}],
    ['a subject that is not the issuer', 'wrong_subject', { sub: 'agt_x' }, {}],
    ['an unknown agent', 'unknown_agent', { iss: 'agt_x', sub: 'agt_x' }, {}],
    ['no end', 'bad_times', { exp: undefined }, {}],
    ['an end in the past', 'expired', { exp: 1_799_999_900 }, {}],
    ['an end far away', 'lives_too_long', { exp: 1_800_003_600 }, {}],
    ['no begin', 'bad_times', { iat: undefined }, {}],
    ['a begin in the future', 'from_future', { iat: 1_800_000_100 }, {}],
    ['a begin before this process', 'before_start', { iat: 1_799_999_990 }, {}],
    ['a not-before in the future', 'from_future', { nbf: 1_800_000_100 }, {}],
    ['no id', 'bad_jti', { jti: undefined }, {}],
    ['a huge id', 'bad_jti', { jti: 'x'.repeat(129) }, {}],
    ['the type of an access token', 'wrong_type', {}, { typ: 'at+jwt' }],
    ['the type of a DPoP proof', 'wrong_type', {}, { typ: 'dpop+jwt' }],
    ['another key id', 'bad_signature', {}, { kid: 'x' }],
  ])('refuses an assertion with %s', async (_name, reason, claims, header) => {
    const test = await createTestIdentity();
    const { file } = await test.keyed();
    const good = claimsOf(test, file);
    const response = await test.post(
      '/oauth/token',
      form(signWith(file, { ...good, ...claims }, header)),
    );
    expect(response.status).toBe(401);
    expect(lastReason(test)).toBe(reason);
    // The reason is for the record; the client learns only that it failed.
    expect(response.body).not.toContain(reason);
    expect((await test.post('/oauth/token', form(signWith(file, good)))).status).toBe(200);
  });

  test('refuses an assertion signed by another key, or under another algorithm', async () => {
    const test = await createTestIdentity();
    const { file } = await test.keyed();
    const claims = claimsOf(test, file);
    const header = { typ: 'JWT', kid: file.key.kid };
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const ed = generateKeyPairSync('ed25519').privateKey;
    for (const assertion of [
      signJws(header, claims, ec, 'ES256'),
      signJws(header, claims, ed, 'EdDSA'),
    ]) {
      expect((await test.post('/oauth/token', form(assertion))).status).toBe(401);
      expect(lastReason(test)).toBe('bad_signature');
    }
  });

  test('gives nothing to suspended agents and revoked keys', async () => {
    const test = await createTestIdentity();
    const { file, agent } = await test.keyed();
    await test.identity.registry.transition(agent.id, 'suspended', BY);
    await test.post('/oauth/token', form(test.assertion(file)));
    expect(lastReason(test)).toBe('agent_suspended');
    await test.identity.registry.transition(agent.id, 'active', BY);
    await test.identity.agentKeys.revoke(test.identity.agentKeys.list(agent.id)[0]!.id, BY);
    await test.post('/oauth/token', form(test.assertion(file)));
    expect(lastReason(test)).toBe('bad_signature');
  });

  test.each<[string, Record<string, string>, number, string]>([
    ['no grant type', { grant_type: '' }, 400, 'invalid_request'],
    ['the password grant', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
    ['a code', { grant_type: 'authorization_code', code: 'x' }, 400, 'unauthorized_client'],
    ['the client_id of another', { client_id: 'agt_x' }, 401, 'invalid_client'],
    ['a client secret', { client_secret: 'x' }, 401, 'invalid_client'],
    ['a SAML assertion type', { client_assertion_type: 'saml' }, 401, 'invalid_client'],
  ])('refuses %s', async (_name, over, status, error) => {
    const test = await createTestIdentity();
    const { file } = await test.keyed();
    const response = await test.post('/oauth/token', form(test.assertion(file), over));
    expect([response.status, JSON.parse(response.body).error]).toEqual([status, error]);
  });

  test('refuses repeated parameters, JSON bodies, Basic credentials and huge bodies', async () => {
    const test = await createTestIdentity();
    const { file } = await test.keyed();
    const send = async (body: string, headers: Record<string, string> = {}) =>
      (await test.identity.authorizationServer.handle({
        method: 'POST',
        path: '/oauth/token',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        body,
        remote: '192.0.2.1',
      }))!.status;
    const good = (): string => new URLSearchParams(form(test.assertion(file))).toString();
    expect(await send(good())).toBe(200);
    expect(await send(`${good()}&grant_type=client_credentials`)).toBe(400);
    expect(await send(`${good()}&resource=${MCP}&resource=${MCP}`)).toBe(400);
    expect(await send(good(), { 'content-type': 'application/json' })).toBe(400);
    expect(await send(good(), { authorization: 'Basic YTpi' })).toBe(401);
    expect(await send(`${good()}&x=${'a'.repeat(40_000)}`)).toBe(413);
    expect(await send(good() + '&a=1&b=2'.repeat(40))).toBe(400);
  });

  test('limits how often one address may ask', async () => {
    const test = await createTestIdentity();
    const statuses: number[] = [];
    for (let i = 0; i < 130; i++) statuses.push((await test.post('/oauth/token', {})).status);
    expect(statuses.filter((status) => status === 429)).toHaveLength(10);
    test.clock.advance(MINUTE_MS);
    expect((await test.post('/oauth/token', {})).status).toBe(401);
  });
});

describe('revocation by the client (RFC 7009)', () => {
  test('ends its own token and leaves those of others', async () => {
    const test = await createTestIdentity();
    const mine = await test.keyed('mine');
    const theirs = await test.keyed('theirs');
    const tokens = [await test.token(mine.file), await test.token(theirs.file)] as const;
    for (const token of [...tokens, 'rubbish', 'srt_x']) {
      const response = await test.post('/oauth/revoke', {
        token,
        client_assertion_type: TYPE,
        client_assertion: test.assertion(mine.file),
      });
      expect(response.status).toBe(200);
    }
    expect(test.present(tokens[0])).toBe('revoked');
    expect(typeof test.present(tokens[1])).toBe('object');
  });

  test('needs client authentication', async () => {
    const test = await createTestIdentity();
    const token = await test.token((await test.keyed()).file);
    expect((await test.post('/oauth/revoke', { token })).status).toBe(401);
    expect(typeof test.present(token)).toBe('object');
  });
});
