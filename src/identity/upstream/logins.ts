import { validateAuthResponse } from 'oauth4webapi';
import {
  type Clock,
  MINUTE_MS,
  type Random,
  type Result,
  sha256Base64Url,
} from '../../kernel/index.ts';
import type { Connection, Prepared } from './connection.ts';
import { checkCodeFlow } from './discover.ts';
import type { Failure, UpstreamAuthEvent } from './model.ts';

export const LOGIN_LIFE_MS = 10 * MINUTE_MS;
const MAX_OPEN = 32;
const MAX_REMEMBERED = 128;

export interface StartedLogin {
  readonly id: string;
  /** For the person's browser. */
  readonly url: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export type LoginState =
  | { readonly state: 'open' | 'done' | 'expired' | 'unknown' }
  | { readonly state: 'failed'; readonly problem: string };

export interface Logins {
  /** Failure: no authorization can be asked for. */
  start(server: string, connection: Connection): Promise<Result<StartedLogin, Failure>>;
  /** What the browser brought back. The state is used up by the first attempt, whatever comes of it. */
  finish(query: URLSearchParams): Promise<Result<{ readonly server: string }, Failure>>;
  state(id: string): LoginState;
}

interface Open {
  readonly id: string;
  readonly server: string;
  readonly connection: Connection;
  readonly prepared: Prepared;
  readonly verifier: string;
  readonly state: string;
  readonly expiresAt: number;
}

/**
 * Authorizations that wait for a person: the code flow with PKCE (RFC 7636), `iss` checked (RFC 9207), the state bound
 * to one server, one authorization server and one verifier, for ten minutes and one use.
 */
export function createLogins(deps: {
  readonly clock: Clock;
  readonly random: Random;
  readonly onEvent: (event: UpstreamAuthEvent) => void;
}): Logins {
  const { clock, random } = deps;
  /** By the hash of the state. */
  const open = new Map<string, Open>();
  const ended = new Map<string, LoginState>();
  const secret = (bytes: number): string => Buffer.from(random.bytes(bytes)).toString('base64url');
  const remember = (id: string, state: LoginState): void => {
    ended.set(id, state);
    for (const key of ended.keys()) {
      if (ended.size <= MAX_REMEMBERED) break;
      ended.delete(key);
    }
  };
  const prune = (): void => {
    const now = clock.now();
    for (const [key, login] of open) {
      if (login.expiresAt > now && open.size < MAX_OPEN) continue;
      open.delete(key);
      remember(login.id, { state: 'expired' });
    }
  };

  return {
    async start(server, connection) {
      const found = await connection.prepare();
      if (!found.ok) return found;
      const prepared = found.value;
      const unusable = checkCodeFlow(prepared.server);
      if (unusable !== undefined) return { ok: false, error: unusable };
      prune();
      const state = secret(32);
      const verifier = secret(32);
      const login: Open = {
        id: `upl_${secret(12)}`,
        server,
        connection,
        prepared,
        verifier,
        state,
        expiresAt: clock.now() + LOGIN_LIFE_MS,
      };
      open.set(sha256Base64Url(state), login);
      deps.onEvent({
        kind: 'upstream_login_started',
        server,
        issuer: prepared.server.issuer,
        scopes: prepared.scopes ?? [],
      });
      const url = authorizationUrl(prepared, state, sha256Base64Url(verifier));
      return { ok: true, value: { id: login.id, url, expiresAt: login.expiresAt } };
    },

    async finish(query) {
      const key = sha256Base64Url(query.get('state') ?? '');
      const login = open.get(key);
      open.delete(key);
      if (login === undefined || clock.now() >= login.expiresAt) {
        if (login !== undefined) remember(login.id, { state: 'expired' });
        return { ok: false, error: { problem: 'this authorization is not awaited any more' } };
      }
      const { server, connection, prepared } = login;
      const fail = (failure: Failure): Result<never, Failure> => {
        const { problem } = failure;
        remember(login.id, { state: 'failed', problem });
        deps.onEvent({
          kind: 'upstream_login_failed',
          server,
          issuer: prepared.server.issuer,
          problem,
        });
        return { ok: false, error: failure };
      };
      let parameters: URLSearchParams;
      try {
        parameters = validateAuthResponse(
          prepared.server,
          { client_id: prepared.client.clientId },
          query,
          login.state,
        );
      } catch (error) {
        return fail({ problem: refusalWords(error, query) });
      }
      const failure = await connection.redeem(prepared, {
        kind: 'authorization_code',
        parameters,
        redirectUri: prepared.client.redirectUri,
        verifier: login.verifier,
      });
      if (failure !== undefined) return fail(failure);
      remember(login.id, { state: 'done' });
      deps.onEvent({
        kind: 'upstream_login_done',
        server,
        issuer: prepared.server.issuer,
        scopes: prepared.scopes ?? [],
      });
      return { ok: true, value: { server } };
    },

    state(id) {
      prune();
      for (const login of open.values()) if (login.id === id) return { state: 'open' };
      return ended.get(id) ?? { state: 'unknown' };
    },
  };
}

/** RFC 6749 section 4.1.1 with RFC 7636 and RFC 8707. */
function authorizationUrl(prepared: Prepared, state: string, challenge: string): string {
  const { server, client, scopes, resource } = prepared;
  const url = new URL(server.authorization_endpoint ?? '');
  const set = (name: string, value: string): void => url.searchParams.set(name, value);
  set('response_type', 'code');
  set('client_id', client.clientId);
  set('redirect_uri', client.redirectUri);
  set('state', state);
  set('code_challenge', challenge);
  set('code_challenge_method', 'S256');
  set('resource', resource.resource);
  if (scopes !== undefined) set('scope', scopes.join(' '));
  // OpenID Connect section 11: without it `offline_access` is ignored.
  if (scopes?.includes('offline_access') === true) set('prompt', 'consent');
  return url.href;
}

function refusalWords(error: unknown, query: URLSearchParams): string {
  const { code } = error as { code?: unknown };
  if (code === 'OAUTH_AUTHORIZATION_RESPONSE_ERROR') {
    const given = query.get('error') ?? '';
    return `the authorization was refused (${/^[a-z_]{1,64}$/.test(given) ? given : 'an unknown error'})`;
  }
  return 'the answer is not from the authorization server that was asked, or not of the expected form';
}
