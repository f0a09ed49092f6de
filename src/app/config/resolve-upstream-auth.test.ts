import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { loadConfig } from '../../kernel/index.ts';
import { resolveUpstreamAuth } from './resolve-upstream-auth.ts';
import { CONFIG } from './sections.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ENV = {
  SECRET: 'hush',
  KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  NO_KEY: 'not a key',
};

async function resolved(server: object, documentUrl?: string) {
  const loaded = loadConfig(CONFIG, {
    file: 'test',
    env: {},
    overrides: {},
    text: JSON.stringify({ servers: { s: { url: 'https://mcp.example.com/mcp', ...server } } }),
  });
  if (!loaded.ok) throw loaded.error;
  return (await resolveUpstreamAuth(loaded.value, ENV, documentUrl)).get('s');
}

const secret = { env: 'SECRET' };
const issuer = 'https://as.example.com';

test('a remote server is authorized at by a person unless it says otherwise', async () => {
  expect(await resolved({})).toMatchObject({ grant: 'authorization_code', dpop: 'auto' });
  expect(await resolved({ auth: { grant: 'none' } })).toBeUndefined();
  expect(await resolved({ headers: { AUTHORIZATION: 'Bearer x' } })).toBeUndefined();
});

test('the published document is the client id unless another or none is wanted', async () => {
  const own = 'https://gateway.example.com/oauth/client-metadata.json';
  const other = 'https://example.com/client.json';
  expect((await resolved({}, own))?.clientMetadataUrl).toBe(own);
  expect((await resolved({ auth: { clientMetadataUrl: other } }, own))?.clientMetadataUrl).toBe(
    other,
  );
  expect(
    (await resolved({ auth: { clientMetadataUrl: false } }, own))?.clientMetadataUrl,
  ).toBeUndefined();
});

test.each([
  ['a secret without an issuer', { clientId: 'c', clientSecret: secret }, 'name the issuer'],
  ['a secret without a client', { issuer, clientSecret: secret }, 'clientId is missing'],
  [
    'a secret and a key',
    { issuer, clientId: 'c', clientSecret: secret, privateKey: { env: 'KEY' } },
    'not both',
  ],
  ['what is no key', { issuer, clientId: 'c', privateKey: { env: 'NO_KEY' } }, 'PKCS #8'],
  ['own credentials without any', { grant: 'client_credentials', clientId: 'c' }, 'needs a client'],
  ['a bearer without an assertion', { grant: 'jwt_bearer', clientId: 'c' }, 'belong together'],
  ['an assertion without its grant', { issuer, clientId: 'c', assertion: secret }, 'together'],
  [
    'an exchange without its grant',
    { exchange: { tokenEndpoint: `${issuer}/token`, clientId: 'c' } },
    'exchange belongs',
  ],
  ['a secret in the clear', { issuer, clientId: 'c', clientSecret: 'hush' }, 'by reference'],
  ['a client id document in the clear', { clientMetadataUrl: 'http://example.com/c' }, ''],
])('%s is refused', async (_, auth, words) => {
  const error = await resolved({ auth }).then(
    () => undefined,
    (reason: { code: string; message: string }) => reason,
  );
  expect(error?.code).toBe('CONFIG_INVALID');
  expect(error?.message).toContain(words);
  expect(error?.message).not.toContain('hush');
});

test('headers and OAuth together are refused', async () => {
  await expect(
    resolved({ headers: { authorization: 'x' }, auth: { scopes: ['a'] } }),
  ).rejects.toThrow('one of the two');
});

test('an assertion is read anew each time', async () => {
  const auth = await resolved({
    auth: { grant: 'jwt_bearer', issuer, clientId: 'c', assertion: secret },
  });
  expect(await auth?.assertion?.read()).toBe('hush');
  expect(JSON.stringify(auth)).not.toContain('hush');
});
