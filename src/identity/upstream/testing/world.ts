import { createFakeClock, createSeededRandom, type FakeClock } from '../../../kernel/index.ts';
import type { ConnectionStore, OutboundFetch, UpstreamAuth, UpstreamAuthEvent } from '../model.ts';
import { createUpstreamOAuth, type UpstreamOAuth } from '../upstream-oauth.ts';

export const SERVER_URL = 'https://mcp.example.com/mcp';
export const ISSUER = 'https://as.example.com';
export const CALLBACK = 'http://127.0.0.1:7401/oauth/upstream/callback';

export interface SeenRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly form: URLSearchParams;
}

type Handler = (seen: SeenRequest) => Response | Promise<Response>;

export interface World {
  readonly clock: FakeClock;
  readonly seen: SeenRequest[];
  readonly events: UpstreamAuthEvent[];
  /** What answers at which URL, without query; tests replace entries. */
  readonly routes: Map<string, Handler>;
  readonly store: Map<string, unknown>;
  readonly fetch: OutboundFetch;
  open(auth?: Partial<UpstreamAuth>): Promise<UpstreamOAuth>;
  /** Requests to the token endpoint. */
  tokenRequests(): SeenRequest[];
}

export const json = (value: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(value), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  });

export const AUTH: UpstreamAuth = {
  url: SERVER_URL,
  allowPrivate: false,
  grant: 'authorization_code',
  issuer: undefined,
  clientId: undefined,
  clientSecret: undefined,
  privateKey: undefined,
  keyId: undefined,
  clientMetadataUrl: undefined,
  assertion: undefined,
  exchange: undefined,
  scopes: undefined,
  dpop: 'auto',
};

export const resourceDocument = (more: object = {}) => ({
  resource: SERVER_URL,
  authorization_servers: [ISSUER],
  ...more,
});

export const serverDocument = (issuer = ISSUER, more: object = {}) => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  registration_endpoint: `${issuer}/register`,
  code_challenge_methods_supported: ['S256'],
  token_endpoint_auth_methods_supported: ['none'],
  authorization_response_iss_parameter_supported: true,
  ...more,
});

/** A well-behaved server and authorization server in memory; every token request gets another token. */
export function createWorld(): World {
  const clock = createFakeClock();
  const seen: SeenRequest[] = [];
  const events: UpstreamAuthEvent[] = [];
  const store = new Map<string, unknown>();
  let tokens = 0;
  const routes = new Map<string, Handler>([
    [
      'https://mcp.example.com/.well-known/oauth-protected-resource/mcp',
      () => json(resourceDocument()),
    ],
    [`${ISSUER}/.well-known/oauth-authorization-server`, () => json(serverDocument())],
    [`${ISSUER}/register`, () => json({ client_id: 'registered-1' }, 201)],
    [
      `${ISSUER}/token`,
      () =>
        json({
          access_token: `token-${++tokens}`,
          token_type: 'Bearer',
          expires_in: 3_600,
          refresh_token: `refresh-${tokens}`,
        }),
    ],
  ]);
  const fetch: OutboundFetch = async (url, request) => {
    const body = request.body ?? '';
    const one: SeenRequest = {
      url,
      method: request.method,
      headers: request.headers,
      body,
      form: new URLSearchParams(body),
    };
    seen.push(one);
    const handler = routes.get(url.split('?')[0] ?? '');
    return handler === undefined ? new Response('', { status: 404 }) : handler(one);
  };
  const memory: ConnectionStore = {
    read: async (server) => structuredClone(store.get(server)),
    write: async (server, value) => void store.set(server, structuredClone(value)),
    remove: async (server) => void store.delete(server),
  };
  return {
    clock,
    seen,
    events,
    routes,
    store,
    fetch,
    open: (auth = {}) =>
      createUpstreamOAuth({
        servers: new Map([['files', { ...AUTH, ...auth }]]),
        fetch,
        store: memory,
        clock,
        random: createSeededRandom(11),
        clientName: 'Sallyport',
        redirectUri: () => CALLBACK,
        onEvent: (event) => void events.push(event),
      }),
    tokenRequests: () => seen.filter(({ url }) => url === `${ISSUER}/token`),
  };
}

/** The browser of a person who agrees: what the authorization server sends back. */
export function agree(
  url: string,
  more: Record<string, string> = { iss: ISSUER },
): URLSearchParams {
  const state = new URL(url).searchParams.get('state') ?? '';
  return new URLSearchParams({ code: 'code-1', state, ...more });
}

export const unauthorized = (stamp?: number, header = 'Bearer') => ({
  server: 'files',
  status: 401,
  wwwAuthenticate: header,
  dpopNonce: undefined,
  stamp,
});

export async function logIn(oauth: UpstreamOAuth): Promise<void> {
  const { url } = await oauth.startLogin('files');
  const done = await oauth.finishLogin(agree(url));
  if (!done.ok) throw new Error(done.error.problem);
}

/** What the next request carries; fails the test when it is a refusal. */
export async function sent(oauth: UpstreamOAuth): Promise<{ headers: string; stamp: number }> {
  const given = await oauth.credentials.headersFor('files', 'POST', SERVER_URL);
  if (given === undefined || 'refused' in given) throw new Error(JSON.stringify(given));
  return { headers: given.headers.join(' '), stamp: given.stamp };
}
