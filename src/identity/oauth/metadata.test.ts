import { describe, expect, test } from 'vitest';
import { createTestIdentity, ISSUER, MCP } from '../test-identity.ts';

describe('discovery', () => {
  test.each([
    '/.well-known/oauth-authorization-server',
    '/.well-known/oauth-authorization-server/mcp',
    '/.well-known/oauth-authorization-server/mcp/github',
    '/.well-known/openid-configuration',
    '/.well-known/openid-configuration/mcp',
    '/mcp/.well-known/openid-configuration',
  ])('answers at %s with the one issuer', async (path) => {
    const { get } = await createTestIdentity();
    const response = await get(path);
    expect(JSON.parse(response.body)).toMatchObject({
      issuer: ISSUER,
      token_endpoint: `${ISSUER}/oauth/token`,
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    });
    expect(response.headers['access-control-allow-origin']).toBe('*');
  });

  test.each([
    ['', MCP],
    ['/mcp', MCP],
    ['/mcp/github', `${MCP}/github`],
  ])('describes the resource at …%s by its exact configured URL', async (suffix, resource) => {
    const { get } = await createTestIdentity();
    const response = await get(`/.well-known/oauth-protected-resource${suffix}`, {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
    });
    expect(JSON.parse(response.body)).toMatchObject({
      resource,
      authorization_servers: [ISSUER],
      bearer_methods_supported: ['header'],
    });
    expect(response.body).not.toContain('evil');
    expect(response.body).not.toContain('offline_access');
  });

  test.each([
    '/.well-known/oauth-protected-resource/mcp/unknown',
    '/.well-known/oauth-protected-resourcex',
    '/.well-known/oauth-authorization-server/x',
    '/oauth/introspect',
    '/mcp',
    '/',
  ])('does not own %s', async (path) => {
    const { identity, get } = await createTestIdentity();
    expect(identity.authorizationServer.owns(path)).toBe(false);
    expect((await get(path)).status).toBe(404);
  });

  test('serves an issuer with a path at the inserted and the appended locations', async () => {
    const publicUrl = 'https://gw.example/sally';
    const { get } = await createTestIdentity({ publicUrl });
    for (const path of [
      '/.well-known/oauth-authorization-server/sally',
      '/.well-known/openid-configuration/sally',
      '/sally/.well-known/openid-configuration',
    ])
      expect(JSON.parse((await get(path)).body).issuer).toBe(publicUrl);
    const { resource } = JSON.parse(
      (await get('/.well-known/oauth-protected-resource/sally/mcp/github')).body,
    );
    expect(resource).toBe(`${publicUrl}/mcp/github`);
  });

  test('answers preflights and names the allowed methods', async () => {
    const { identity } = await createTestIdentity();
    const ask = async (method: string, path: string) =>
      identity.authorizationServer.handle({ method, path, headers: {}, body: '', remote: '' });
    expect(await ask('OPTIONS', '/oauth/token')).toMatchObject({ status: 204 });
    expect(await ask('OPTIONS', '/oauth/authorize')).toMatchObject({ status: 405 });
    expect(await ask('DELETE', '/oauth/token')).toMatchObject({
      status: 405,
      headers: { allow: 'POST' },
    });
    expect(await ask('HEAD', '/oauth/jwks')).toMatchObject({ status: 200, body: '' });
  });

  test.each(['http://gw.example', 'ftp://gw.example', 'gw.example', 'https://gw.example?x=1'])(
    'cannot be configured with the public URL %s',
    async (publicUrl) => {
      await expect(createTestIdentity({ publicUrl })).rejects.toMatchObject({
        code: 'IDENTITY_INVALID',
      });
    },
  );
});
