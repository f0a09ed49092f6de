import { describe, expect, test } from 'vitest';
import { createTestIdentity } from '../test-identity.ts';
import { register } from './test-register.ts';

const REDIRECT = 'http://127.0.0.1:4000/callback';
const errorOf = (response: { readonly body: string }): string => JSON.parse(response.body).error;

describe('client registration', () => {
  test.each([
    [['https://app.example/cb']],
    [['http://localhost:1/cb', 'http://[::1]/cb']],
    [['cursor://anysphere.cursor-mcp/oauth/callback']],
    [['com.example.app:/cb']],
  ])('accepts %j', async (uris) => {
    const test = await createTestIdentity();
    const response = await register(test, {
      redirect_uris: uris,
      token_endpoint_auth_method: 'client_secret_basic',
    });
    expect(response.status).toBe(201);
    expect(JSON.parse(response.body)).toMatchObject({ token_endpoint_auth_method: 'none' });
    expect(JSON.parse(response.body).client_secret).toBeUndefined();
  });

  test.each([
    'http://app.example/cb',
    'http://127.0.0.1.evil.example/cb',
    'https://user:pw@app.example/cb',
    'https://app.example/cb#x',
    'https://app.example/a/../b',
    'https://app.example/%2e%2e/b',
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'myapp://cb',
    'https://app.example/\nx',
    'x',
    '',
  ])('refuses the redirect URI %j', async (uri) => {
    const test = await createTestIdentity();
    const response = await register(test, { redirect_uris: [uri] });
    expect([response.status, errorOf(response)]).toEqual([400, 'invalid_redirect_uri']);
    expect(test.identity.clients.list()).toEqual([]);
  });

  test.each([[null], [[]], ['x'], [{ redirect_uris: 'x' }], [{ redirect_uris: [1] }]])(
    'refuses the metadata %j',
    async (metadata) => {
      const test = await createTestIdentity();
      expect((await register(test, metadata as object)).status).toBe(400);
    },
  );

  test('is limited per address', async () => {
    const test = await createTestIdentity();
    const statuses: number[] = [];
    for (let i = 0; i < 25; i++)
      statuses.push((await register(test, { redirect_uris: [REDIRECT] })).status);
    expect(statuses.filter((status) => status === 429)).toHaveLength(5);
  });
});
