import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { createDpopVerifier } from '../tokens/dpop.ts';
import { parseCompact } from '../tokens/jws.ts';
import {
  createWorld,
  ISSUER,
  json,
  logIn,
  resourceDocument,
  SERVER_URL,
  sent,
  serverDocument,
  unauthorized,
} from './testing/world.ts';

const PRM = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp';
const METADATA = `${ISSUER}/.well-known/oauth-authorization-server`;
const forbidden = (stamp: number, scope: string) => ({
  ...unauthorized(stamp, `Bearer error="insufficient_scope", scope="${scope}"`),
  status: 403,
});

test('an expired token is refreshed once for all callers who wait', async () => {
  const world = createWorld();
  const oauth = await world.open();
  await logIn(oauth);
  world.clock.advance(3_601_000);
  const all = await Promise.all(Array.from({ length: 20 }, () => sent(oauth)));
  expect(new Set(all.map(({ headers }) => headers))).toEqual(
    new Set(['authorization Bearer token-2']),
  );
  const refreshes = world.tokenRequests().slice(1);
  expect(refreshes.map(({ form }) => Object.fromEntries(form))).toEqual([
    {
      grant_type: 'refresh_token',
      refresh_token: 'refresh-1',
      resource: SERVER_URL,
      client_id: 'registered-1',
    },
  ]);
});

test('a token that is about to end serves on while its successor is fetched', async () => {
  const world = createWorld();
  const oauth = await world.open();
  await logIn(oauth);
  world.clock.advance(3_600_000 - 30_000);
  expect((await sent(oauth)).headers).toContain('token-1');
  await expect.poll(async () => (await sent(oauth)).headers).toContain('token-2');
  expect(world.tokenRequests()).toHaveLength(2);
});

test('many 401 to one old token cause one refresh, and latecomers just try again', async () => {
  const world = createWorld();
  const oauth = await world.open();
  await logIn(oauth);
  world.clock.advance(60_000);
  const { stamp } = await sent(oauth);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => oauth.credentials.challenged(unauthorized(stamp))),
  );
  expect(answers).toEqual(Array(10).fill('retry'));
  expect(await oauth.credentials.challenged(unauthorized(stamp))).toBe('retry');
  expect(world.tokenRequests()).toHaveLength(2);
});

test('a refresh token that is no longer taken makes a person necessary; trouble that passes does not', async () => {
  const world = createWorld();
  const oauth = await world.open();
  await logIn(oauth);
  const good = world.routes.get(`${ISSUER}/token`);
  world.clock.advance(3_601_000);
  world.routes.set(`${ISSUER}/token`, () => json({}, 503));
  expect(await oauth.credentials.headersFor('files', 'POST', SERVER_URL)).toMatchObject({
    refused: 'failed',
  });
  world.routes.set(`${ISSUER}/token`, good ?? (() => json({}, 500)));
  expect((await sent(oauth)).headers).toContain('token-2');

  world.clock.advance(3_601_000);
  world.routes.set(`${ISSUER}/token`, () => json({ error: 'invalid_grant' }, 400));
  expect(await oauth.credentials.headersFor('files', 'POST', SERVER_URL)).toMatchObject({
    refused: 'login',
  });
  expect(oauth.state('files')).toMatchObject({ authorized: false });
});

test('a refresh token is not shown to an authorization server that the server has left', async () => {
  const world = createWorld();
  const oauth = await world.open();
  await logIn(oauth);
  world.routes.set(PRM, () =>
    json(resourceDocument({ authorization_servers: ['https://as2.example.com'] })),
  );
  world.clock.advance(60_000);
  const { stamp } = await sent(oauth);
  expect(await oauth.credentials.challenged(unauthorized(stamp))).toMatchObject({
    refused: 'login',
  });
  expect(world.tokenRequests()).toHaveLength(1);
});

test('a step-up asks for what is held and what is demanded, together', async () => {
  const world = createWorld();
  const oauth = await world.open();
  await oauth.credentials.challenged(unauthorized(undefined, 'Bearer scope="read"'));
  await logIn(oauth);
  const { stamp } = await sent(oauth);
  expect(await oauth.credentials.challenged(forbidden(stamp, 'write'))).toMatchObject({
    refused: 'login',
  });
  // What needs no further scope goes on meanwhile.
  expect((await sent(oauth)).headers).toContain('token-1');
  const { url } = await oauth.startLogin('files');
  expect(new URL(url).searchParams.get('scope')?.split(' ').sort()).toEqual(['read', 'write']);
});

test('a server that refuses the scopes it was given gets no second authorization', async () => {
  const world = createWorld();
  const oauth = await world.open();
  await oauth.credentials.challenged(unauthorized(undefined, 'Bearer scope="admin"'));
  await logIn(oauth);
  const { stamp } = await sent(oauth);
  expect(await oauth.credentials.challenged(forbidden(stamp, 'admin'))).toMatchObject({
    refused: 'failed',
  });
});

test('a server that demands one scope after the other is given up', async () => {
  const world = createWorld();
  const oauth = await world.open({
    grant: 'client_credentials',
    issuer: ISSUER,
    clientId: 'me',
    clientSecret: 'hush',
  });
  expect(await oauth.credentials.challenged(unauthorized())).toBe('retry');
  const answers: unknown[] = [];
  for (let step = 0; step < 5; step++) {
    const { stamp } = await sent(oauth);
    answers.push(await oauth.credentials.challenged(forbidden(stamp, `scope-${step}`)));
  }
  expect(answers.slice(0, 3)).toEqual(['retry', 'retry', 'retry']);
  expect(answers.slice(3)).toMatchObject([{ refused: 'failed' }, { refused: 'failed' }]);
});

test.each([
  [{ ofServer: ['offline_access'], ofResource: ['a'] }, 'a offline_access'],
  [{ ofServer: ['a'], ofResource: ['a', 'offline_access'] }, 'a'],
  [{ ofServer: ['offline_access'], ofResource: undefined }, null],
])(
  'offline access is asked for where the authorization server lists it: %j',
  async (lists, scope) => {
    const world = createWorld();
    world.routes.set(PRM, () => json(resourceDocument({ scopes_supported: lists.ofResource })));
    world.routes.set(METADATA, () =>
      json(serverDocument(ISSUER, { scopes_supported: lists.ofServer })),
    );
    const { url } = await (await world.open()).startLogin('files');
    expect(new URL(url).searchParams.get('scope')).toBe(scope);
  },
);

test('what was obtained survives a restart, and no change of the URL, issuer or client', async () => {
  const world = createWorld();
  await logIn(await world.open());
  expect((await sent(await world.open())).headers).toContain('token-1');
  for (const change of [
    { url: 'https://mcp.example.com/mcp2' },
    { issuer: ISSUER },
    { clientId: 'other' },
  ]) {
    const changed = await world.open(change);
    expect(changed.credentials.headersFor('files', 'POST', SERVER_URL)).toBeUndefined();
  }
  world.store.set('files', { version: 1, anything: 'else' });
  expect((await world.open()).state('files')).toMatchObject({ authorized: false });
});

test('a client that authenticates with a key sends an assertion for the issuer alone', async () => {
  const world = createWorld();
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const oauth = await world.open({
    grant: 'client_credentials',
    issuer: ISSUER,
    clientId: 'me',
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    keyId: 'k1',
  });
  expect(await oauth.credentials.challenged(unauthorized())).toBe('retry');
  const [request] = world.tokenRequests();
  const assertion = parseCompact(request?.form.get('client_assertion') ?? '');
  expect(assertion?.header).toMatchObject({ alg: 'ES256', kid: 'k1' });
  expect(assertion?.payload).toMatchObject({ iss: 'me', sub: 'me', aud: ISSUER });
  expect(request?.form.get('resource')).toBe(SERVER_URL);
});

test('an assertion that is refused is sent once, and no other grant is tried', async () => {
  const world = createWorld();
  world.routes.set(`${ISSUER}/token`, () => json({ error: 'invalid_grant' }, 400));
  let reads = 0;
  const oauth = await world.open({
    grant: 'jwt_bearer',
    issuer: ISSUER,
    clientId: 'workload',
    assertion: { from: 'test', read: async () => `jwt-${++reads}` },
  });
  expect(await oauth.credentials.challenged(unauthorized())).toMatchObject({ refused: 'failed' });
  expect(world.tokenRequests().map(({ form }) => form.get('assertion'))).toEqual(['jwt-1']);
});

test('a bound token comes with a fresh proof for each request, and with the nonces that are wanted', async () => {
  const world = createWorld();
  world.routes.set(METADATA, () =>
    json(serverDocument(ISSUER, { dpop_signing_alg_values_supported: ['ES256'] })),
  );
  const nonces: unknown[] = [];
  world.routes.set(`${ISSUER}/token`, ({ headers }) => {
    const nonce = parseCompact(headers['dpop'] ?? '')?.payload['nonce'];
    nonces.push(nonce);
    return nonce === 'as-nonce'
      ? json({ access_token: 'bound', token_type: 'DPoP' })
      : json({ error: 'use_dpop_nonce' }, 400, { 'dpop-nonce': 'as-nonce' });
  });
  const oauth = await world.open();
  await logIn(oauth);
  expect(nonces).toEqual([undefined, 'as-nonce']);

  const verifier = createDpopVerifier(world.clock);
  const proofOf = ({ headers }: { headers: string }): string => headers.split(' ').at(-1) ?? '';
  const first = await sent(oauth);
  expect(first.headers).toMatch(/^authorization DPoP bound dpop /);
  for (const given of [first, await sent(oauth)])
    expect(
      verifier.verify({
        proof: proofOf(given),
        method: 'POST',
        url: SERVER_URL,
        accessToken: 'bound',
      }),
    ).toMatchObject({ ok: true });
  const wants = {
    ...unauthorized(first.stamp, 'DPoP error="use_dpop_nonce"'),
    dpopNonce: 'rs-nonce',
  };
  expect(await oauth.credentials.challenged(wants)).toBe('retry');
  expect(parseCompact(proofOf(await sent(oauth)))?.payload['nonce']).toBe('rs-nonce');
});

test('a bearer token is no answer where a bound one is required', async () => {
  const world = createWorld();
  const oauth = await world.open({ dpop: 'required' });
  await expect(logIn(oauth)).rejects.toThrow('not bound');
});

test('a token that could smuggle a header is not used', async () => {
  const world = createWorld();
  world.routes.set(`${ISSUER}/token`, () =>
    json({ access_token: 'a\r\nx-evil: 1', token_type: 'Bearer' }),
  );
  await expect(logIn(await world.open())).rejects.toThrow('no token has');
});

test('no secret is among the events', async () => {
  const world = createWorld();
  const oauth = await world.open();
  await logIn(oauth);
  expect(world.events.map(({ kind }) => kind)).toEqual([
    'upstream_login_started',
    'upstream_token_obtained',
    'upstream_login_done',
  ]);
  expect(JSON.stringify(world.events)).not.toMatch(/token-1|refresh-1|code-1/);
});
