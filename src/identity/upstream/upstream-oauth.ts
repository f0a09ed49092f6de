import { AppError, type Clock, type Random, type Result } from '../../kernel/index.ts';
import { readDemand } from './challenge-header.ts';
import {
  type Connection,
  type ConnectionState,
  createConnection,
  type Given,
} from './connection.ts';
import { createLogins, type LoginState, type StartedLogin } from './logins.ts';
import type {
  Challenge,
  ConnectionStore,
  CredentialRefusal,
  Failure,
  OutboundFetch,
  UpstreamAuth,
  UpstreamAuthEvent,
  Verb,
} from './model.ts';
import { clientMetadata } from './register-client.ts';

export interface UpstreamOAuthDeps {
  readonly servers: ReadonlyMap<string, UpstreamAuth>;
  readonly fetch: OutboundFetch;
  readonly store: ConnectionStore;
  readonly clock: Clock;
  readonly random: Random;
  /** As registered and shown on consent pages. */
  readonly clientName: string;
  /** Where the authorization server sends the browser; on the admin side. */
  readonly redirectUri: () => string;
  readonly onEvent: (event: UpstreamAuthEvent) => void;
}

/**
 * The gateway as OAuth client towards MCP servers. One authorization per server, shared by all agents that policy lets
 * reach it; agents never see tokens, and what an agent presented is never used here.
 */
export interface UpstreamOAuth {
  /** The port of the upstream side; see there. */
  readonly credentials: {
    headersFor(server: string, verb: Verb, url: string): Given | Promise<Given>;
    challenged(challenge: Challenge): Promise<'retry' | CredentialRefusal | undefined>;
    nonceGiven(server: string, nonce: string): void;
  };
  /** Errors: `IDENTITY_UPSTREAM_LOGIN`. */
  startLogin(server: string): Promise<StartedLogin>;
  loginState(id: string): LoginState;
  /** The callback of the browser; its query. */
  finishLogin(query: URLSearchParams): Promise<Result<{ readonly server: string }, Failure>>;
  state(server: string): ConnectionState | undefined;
  /** Removes tokens and registrations of a server. */
  forget(server: string): Promise<void>;
  /** Connections under an unchanged configuration stay as they are. */
  setServers(servers: ReadonlyMap<string, UpstreamAuth>): Promise<void>;
  /** Client id metadata document, to be published at the URL that is the client id. */
  clientDocument(clientId: string): Readonly<Record<string, unknown>>;
}

export async function createUpstreamOAuth(deps: UpstreamOAuthDeps): Promise<UpstreamOAuth> {
  const connections = new Map<string, { connection: Connection; text: string }>();
  const logins = createLogins(deps);
  const setServers = async (servers: ReadonlyMap<string, UpstreamAuth>): Promise<void> => {
    for (const server of [...connections.keys()])
      if (!servers.has(server)) connections.delete(server);
    for (const [server, auth] of servers) {
      const text = JSON.stringify(auth);
      if (connections.get(server)?.text === text) continue;
      const connection = createConnection(server, auth, deps);
      await connection.open();
      connections.set(server, { connection, text });
    }
  };
  await setServers(deps.servers);
  const refuse = (server: string, problem: string): AppError =>
    new AppError('IDENTITY_UPSTREAM_LOGIN', { params: { server, problem } });

  return {
    credentials: {
      headersFor: (server, verb, url) => connections.get(server)?.connection.headersFor(verb, url),
      async challenged(challenge) {
        return connections.get(challenge.server)?.connection.challenged(challenge);
      },
      nonceGiven: (server, nonce) => connections.get(server)?.connection.nonceGiven(nonce),
    },
    async startLogin(server) {
      const connection = connections.get(server)?.connection;
      if (connection === undefined)
        throw refuse(server, 'it is not a remote server that the gateway authorizes at');
      if (connection.auth.grant !== 'authorization_code')
        throw refuse(server, 'the gateway authorizes there by itself, no person has to');
      if (connection.wanted() === undefined) await provoke(deps.fetch, connection);
      const started = await logins.start(server, connection);
      if (!started.ok) throw refuse(server, started.error.problem);
      return started.value;
    },
    loginState: (id) => logins.state(id),
    finishLogin: (query) => logins.finish(query),
    state: (server) => connections.get(server)?.connection.state(),
    async forget(server) {
      await connections.get(server)?.connection.forget();
    },
    setServers,
    clientDocument: (clientId) => ({
      client_id: clientId,
      ...clientMetadata(deps.clientName, deps.redirectUri()),
      token_endpoint_auth_method: 'none',
    }),
  };
}

/** Servers say in a 401 where their metadata is and which scopes they want; one that was not asked yet is asked. */
async function provoke(fetch: OutboundFetch, connection: Connection): Promise<void> {
  const { url, allowPrivate } = connection.auth;
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
      },
      body: '{"jsonrpc":"2.0","id":0,"method":"ping"}',
      allowPrivate,
    });
    if (response.status === 401)
      connection.note(readDemand(response.headers.get('www-authenticate') ?? undefined));
  } catch {
    // The well-known addresses remain.
  }
}
