import type { TestIdentity } from '../test-identity.ts';
import type { OAuthResponse } from './http.ts';

/** Dynamic client registration (RFC 7591) as a client would ask for it. */
export async function register(test: TestIdentity, metadata: object): Promise<OAuthResponse> {
  const response = await test.identity.authorizationServer.handle({
    method: 'POST',
    path: '/oauth/register',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(metadata),
    remote: '192.0.2.1',
  });
  if (response === undefined) throw new Error('registration is not served');
  return response;
}
