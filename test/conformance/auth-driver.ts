import type { RunningGateway } from '../fixtures/start-gateway.ts';

/** What the suite tells the client of a scenario. */
export interface AuthContext {
  client_id?: string;
  client_secret?: string;
  private_key_pem?: string;
  issuer?: string;
  valid_jwt?: string;
  idp_client_id?: string;
  idp_id_token?: string;
  idp_token_endpoint?: string;
}

/** The document the suite expects as client id (it is not fetched). */
const CLIENT_DOCUMENT = 'https://conformance-test.local/client-metadata.json';

/** `servers.<name>.auth` for a scenario: what an administrator would have written after registering the gateway. */
export async function authFor(
  scenario: string,
  url: string,
  context: AuthContext,
): Promise<Record<string, unknown>> {
  if (scenario === 'auth/basic-cimd') return { clientMetadataUrl: CLIENT_DOCUMENT };
  if (context.client_id === undefined) return {};
  // Secrets go to a named issuer only, so the administrator has to know it.
  const known = { issuer: context.issuer ?? (await issuerOf(url)), clientId: context.client_id };
  const secret = (name: string, value: string): { env: string } => {
    process.env[name] = value;
    return { env: name };
  };
  const { private_key_pem, client_secret, valid_jwt, idp_id_token } = context;
  const clientSecret =
    client_secret === undefined
      ? {}
      : { clientSecret: secret('SUITE_CLIENT_SECRET', client_secret) };
  if (idp_id_token !== undefined)
    return {
      ...known,
      ...clientSecret,
      grant: 'jwt_bearer',
      assertion: secret('SUITE_ID_TOKEN', idp_id_token),
      exchange: { tokenEndpoint: context.idp_token_endpoint, clientId: context.idp_client_id },
    };
  if (valid_jwt !== undefined)
    return { ...known, grant: 'jwt_bearer', assertion: secret('SUITE_ASSERTION', valid_jwt) };
  if (private_key_pem !== undefined)
    return {
      ...known,
      grant: 'client_credentials',
      privateKey: secret('SUITE_PRIVATE_KEY', private_key_pem),
    };
  return {
    ...known,
    ...clientSecret,
    ...(scenario.startsWith('auth/client-credentials') ? { grant: 'client_credentials' } : {}),
  };
}

async function issuerOf(url: string): Promise<string> {
  const { origin, pathname } = new URL(url);
  const response = await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`);
  const { authorization_servers: issuers } = (await response.json()) as {
    authorization_servers: string[];
  };
  return issuers[0] ?? '';
}

/** More than any scenario needs; what is to end an endless chain of refusals is the gateway. */
const MAX_LOGINS = 10;

/** Runs, and whenever the gateway says that a person has to authorize it, does as the person would. */
export async function withPerson(
  gateway: RunningGateway,
  server: string,
  run: () => Promise<void>,
): Promise<void> {
  for (let logins = 0; ; logins++) {
    try {
      await run();
      return;
    } catch (error) {
      if (logins >= MAX_LOGINS || !String(error).includes('sallyport server login')) throw error;
    }
    await logIn(gateway, server);
  }
}

/** `sallyport server login`, and the browser: the suite's authorization server sends it back at once. */
async function logIn(gateway: RunningGateway, server: string): Promise<void> {
  const begun = await fetch(`${gateway.adminUrl}/v1/servers/${server}/login`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${gateway.adminToken}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ reason: 'conformance run' }),
  });
  if (!begun.ok) throw new Error(`login: ${await begun.text()}`);
  const { url } = (await begun.json()) as { url: string };
  const away = await fetch(url, { redirect: 'manual' });
  const back = away.headers.get('location') ?? '';
  if (!back.startsWith(gateway.adminUrl)) throw new Error(`login: sent to ${back}`);
  const done = await fetch(back);
  if (!done.ok) throw new Error(`login: ${await done.text()}`);
}
