import { expect, test } from 'vitest';
import {
  agree,
  CALLBACK,
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

const problemOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no problem',
    (error: Error) => error.message,
  );

test('a person authorizes once, and requests carry the token from then on', async () => {
  const world = createWorld();
  const oauth = await world.open();
  expect(oauth.credentials.headersFor('files', 'POST', SERVER_URL)).toBeUndefined();
  const refused = await oauth.credentials.challenged(unauthorized());
  expect(refused).toMatchObject({ refused: 'login' });

  const { url, id } = await oauth.startLogin('files');
  expect(oauth.loginState(id)).toEqual({ state: 'open' });
  const asked = new URL(url);
  expect(asked.origin + asked.pathname).toBe(`${ISSUER}/authorize`);
  expect(Object.fromEntries(asked.searchParams)).toMatchObject({
    response_type: 'code',
    client_id: 'registered-1',
    redirect_uri: CALLBACK,
    code_challenge_method: 'S256',
    resource: SERVER_URL,
  });
  expect(asked.searchParams.has('scope')).toBe(false);

  expect(await oauth.finishLogin(agree(url))).toEqual({ ok: true, value: { server: 'files' } });
  expect(oauth.loginState(id)).toEqual({ state: 'done' });
  const [request] = world.tokenRequests();
  expect(request?.form.get('resource')).toBe(SERVER_URL);
  expect(request?.form.get('code_verifier')).toMatch(/^[\w-]{43}$/);
  expect((await sent(oauth)).headers).toBe('authorization Bearer token-1');
});

test('calls fail at once while nobody has authorized, and the server is asked again after a while', async () => {
  const world = createWorld();
  const oauth = await world.open();
  await oauth.credentials.challenged(unauthorized());
  expect(oauth.credentials.headersFor('files', 'POST', SERVER_URL)).toMatchObject({
    refused: 'login',
  });
  world.clock.advance(31_000);
  expect(oauth.credentials.headersFor('files', 'POST', SERVER_URL)).toBeUndefined();
});

test('a state works once, also when the first use failed', async () => {
  const world = createWorld();
  const oauth = await world.open();
  const { url } = await oauth.startLogin('files');
  const wrong = await oauth.finishLogin(agree(url, { iss: 'https://evil.example.com' }));
  expect(wrong.ok).toBe(false);
  const replayed = await oauth.finishLogin(agree(url));
  expect(replayed.ok).toBe(false);
  expect(world.tokenRequests()).toHaveLength(0);
});

test('a state that nobody gave out, or that is ten minutes old, redeems nothing', async () => {
  const world = createWorld();
  const oauth = await world.open();
  const { url, id } = await oauth.startLogin('files');
  const foreign = new URLSearchParams({ code: 'c', state: 'guess', iss: ISSUER });
  expect((await oauth.finishLogin(foreign)).ok).toBe(false);
  expect((await oauth.finishLogin(new URLSearchParams())).ok).toBe(false);
  world.clock.advance(10 * 60_000);
  expect((await oauth.finishLogin(agree(url))).ok).toBe(false);
  expect(oauth.loginState(id)).toEqual({ state: 'expired' });
  expect(world.tokenRequests()).toHaveLength(0);
});

test.each([
  ['another issuer', { iss: 'https://evil.example.com' }],
  ['the issuer with a slash more', { iss: `${ISSUER}/` }],
  ['no issuer though one was promised', {}],
  ['a refusal', { iss: ISSUER, error: 'access_denied' }],
  ['a refusal under another name', { iss: 'https://evil.example.com', error: 'access_denied' }],
])('an answer with %s sends the code to nobody', async (_, more) => {
  const world = createWorld();
  const oauth = await world.open();
  const { url } = await oauth.startLogin('files');
  expect((await oauth.finishLogin(agree(url, more as Record<string, string>))).ok).toBe(false);
  expect(world.tokenRequests()).toHaveLength(0);
});

test('an issuer is compared also where none was promised', async () => {
  const world = createWorld();
  world.routes.set(METADATA, () =>
    json(serverDocument(ISSUER, { authorization_response_iss_parameter_supported: undefined })),
  );
  const oauth = await world.open();
  const first = await oauth.startLogin('files');
  expect((await oauth.finishLogin(agree(first.url, { iss: 'https://evil.example.com' }))).ok).toBe(
    false,
  );
  const second = await oauth.startLogin('files');
  expect((await oauth.finishLogin(agree(second.url, {}))).ok).toBe(true);
});

test.each([
  ['another server', 'https://evil.example.com/mcp'],
  ['a longer path', 'https://mcp.example.com/mcp/other'],
  ['a path that only begins alike', 'https://mcp.example.com/mc'],
  ['another scheme', 'http://mcp.example.com/mcp'],
  ['a URL with a fragment', 'https://mcp.example.com/mcp#x'],
])('metadata for %s is refused before anything is asked for', async (_, resource) => {
  const world = createWorld();
  world.routes.set(PRM, () => json(resourceDocument({ resource })));
  const oauth = await world.open();
  expect(await problemOf(oauth.startLogin('files'))).toContain('another resource');
  expect(world.seen.some(({ url }) => url.startsWith(ISSUER))).toBe(false);
});

test('the resource goes out as published, character by character', async () => {
  const world = createWorld();
  world.routes.set(PRM, () => json(resourceDocument({ resource: 'https://mcp.example.com' })));
  const oauth = await world.open();
  const { url } = await oauth.startLogin('files');
  expect(new URL(url).searchParams.get('resource')).toBe('https://mcp.example.com');
});

test.each([
  ['of another issuer', serverDocument('https://evil.example.com'), 'another issuer'],
  ['of the issuer with a slash more', serverDocument(`${ISSUER}/`), 'another issuer'],
  ['without PKCE', { ...serverDocument(), code_challenge_methods_supported: undefined }, 'PKCE'],
  ['with plain PKCE', { ...serverDocument(), code_challenge_methods_supported: ['plain'] }, 'PKCE'],
  [
    'with a token endpoint in the clear',
    { ...serverDocument(), token_endpoint: 'http://as.example.com/token' },
    'no https URL',
  ],
  [
    'with a script for an endpoint',
    { ...serverDocument(), authorization_endpoint: 'javascript:alert(1)' },
    'no https URL',
  ],
  ['of another shape', { issuer: ISSUER, token_endpoint: [1] }, 'expected form'],
  ['that is a list', [1, 2], 'expected form'],
])('server metadata %s is not used', async (_, document, words) => {
  const world = createWorld();
  world.routes.set(METADATA, () => json(document));
  const oauth = await world.open();
  expect(await problemOf(oauth.startLogin('files'))).toContain(words);
});

test('a redirect instead of metadata is not followed', async () => {
  const world = createWorld();
  world.routes.set(PRM, () =>
    json({}, 302, { location: 'https://evil.example.com/.well-known/x' }),
  );
  const oauth = await world.open();
  expect(await problemOf(oauth.startLogin('files'))).toContain('redirects');
  expect(world.seen.some(({ url }) => url.includes('evil'))).toBe(false);
});

test('metadata is looked for where the challenge says, then with the path, then at the root', async () => {
  const named = createWorld();
  const oauth = await named.open();
  named.routes.set('https://mcp.example.com/custom.json', () => json(resourceDocument()));
  await oauth.credentials.challenged(
    unauthorized(undefined, 'Bearer resource_metadata="https://mcp.example.com/custom.json"'),
  );
  await oauth.startLogin('files');
  expect(named.seen[0]?.url).toBe('https://mcp.example.com/custom.json');
  expect(named.seen.some(({ url }) => url === PRM)).toBe(false);

  const root = createWorld();
  root.routes.delete(PRM);
  root.routes.set('https://mcp.example.com/.well-known/oauth-protected-resource', () =>
    json(resourceDocument({ resource: 'https://mcp.example.com' })),
  );
  await (await root.open()).startLogin('files');
  expect(root.seen.map(({ url }) => url).slice(1, 3)).toEqual([
    PRM,
    'https://mcp.example.com/.well-known/oauth-protected-resource',
  ]);
});

test('an issuer with a path is looked up in the three places of the specification, in order', async () => {
  const world = createWorld();
  const issuer = `${ISSUER}/tenant`;
  world.routes.set(PRM, () => json(resourceDocument({ authorization_servers: [issuer] })));
  world.routes.set(`${issuer}/.well-known/openid-configuration`, () =>
    json(serverDocument(issuer)),
  );
  world.routes.set(`${issuer}/register`, () => json({ client_id: 'c' }, 201));
  await (await world.open()).startLogin('files');
  expect(world.seen.map(({ url }) => url).filter((url) => url.startsWith(ISSUER))).toEqual([
    `${ISSUER}/.well-known/oauth-authorization-server/tenant`,
    `${ISSUER}/.well-known/openid-configuration/tenant`,
    `${issuer}/.well-known/openid-configuration`,
    `${issuer}/register`,
  ]);
});

test('secrets go to the configured issuer and to no other that the server names', async () => {
  const world = createWorld();
  world.routes.set(PRM, () =>
    json(resourceDocument({ authorization_servers: ['https://evil.example.com'] })),
  );
  const oauth = await world.open({ issuer: ISSUER, clientId: 'me', clientSecret: 'hush' });
  expect(await problemOf(oauth.startLogin('files'))).toContain('expected authorization server');
  expect(world.seen.some(({ url }) => url.includes('evil'))).toBe(false);
});

test('the gateway is who it is configured to be, else its document, else a registration', async () => {
  const world = createWorld();
  world.routes.set(METADATA, () =>
    json(serverDocument(ISSUER, { client_id_metadata_document_supported: true })),
  );
  const idOf = async (auth: object): Promise<string | null> => {
    const { url } = await (await world.open(auth)).startLogin('files');
    return new URL(url).searchParams.get('client_id');
  };
  const document = 'https://gateway.example.com/oauth/client-metadata.json';
  expect(await idOf({ clientId: 'by-hand', clientMetadataUrl: document })).toBe('by-hand');
  expect(await idOf({ clientMetadataUrl: document })).toBe(document);
  expect(world.seen.some(({ url }) => url.endsWith('/register'))).toBe(false);
  expect(await idOf({})).toBe('registered-1');
  const registration = world.seen.find(({ url }) => url.endsWith('/register'));
  expect(JSON.parse(registration?.body ?? '')).toMatchObject({
    application_type: 'native',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [CALLBACK],
    token_endpoint_auth_method: 'none',
  });
});

test('a registration is kept for its issuer; another issuer gets its own', async () => {
  const world = createWorld();
  const oauth = await world.open();
  await logIn(oauth);
  await logIn(oauth);
  expect(world.seen.filter(({ url }) => url.endsWith('/register'))).toHaveLength(1);

  const other = 'https://as2.example.com';
  world.routes.set(PRM, () => json(resourceDocument({ authorization_servers: [other] })));
  world.routes.set(`${other}/.well-known/oauth-authorization-server`, () =>
    json(serverDocument(other)),
  );
  world.routes.set(`${other}/register`, () => json({ client_id: 'registered-2' }, 201));
  const { url } = await oauth.startLogin('files');
  expect(new URL(url).origin).toBe(other);
  expect(new URL(url).searchParams.get('client_id')).toBe('registered-2');
});

test('nothing that an authorization server says in words gets into an error', async () => {
  const world = createWorld();
  world.routes.set(`${ISSUER}/token`, () =>
    json({ error: 'invalid_grant', error_description: 'SECRET-WORDS' }, 400),
  );
  const oauth = await world.open();
  const { url, id } = await oauth.startLogin('files');
  const done = await oauth.finishLogin(agree(url));
  const all = JSON.stringify([done, oauth.loginState(id), world.events]);
  expect(all).toContain('invalid_grant');
  expect(all).not.toContain('SECRET-WORDS');
});
