import type { Client } from 'oauth4webapi';
import { type Clock, MINUTE_MS, type Random, type Result, SECOND_MS } from '../../kernel/index.ts';
import { readDemand, type ServerDemand, union } from './challenge-header.ts';
import { chooseScopes } from './choose-scopes.ts';
import { clientAuthOf, type RegisteredClient } from './client-auth.ts';
import { type Discovered, discover } from './discover.ts';
import { createDpopSigner, DPOP_ALGORITHM, type DpopSigner, makeDpopKey } from './dpop-proof.ts';
import { exchangeAssertion } from './exchange-assertion.ts';
import type {
  AddedHeaders,
  Challenge,
  ConnectionStore,
  CredentialRefusal,
  Failure,
  OutboundFetch,
  UpstreamAuth,
  UpstreamAuthEvent,
  Verb,
} from './model.ts';
import { obtainClient } from './register-client.ts';
import type { ServerMetadata } from './server-metadata.ts';
import { fingerprintOf, fromStored, type HeldToken, toStored } from './stored-connection.ts';
import { type Grant, type NonceBook, requestTokens, type Tokens } from './token-request.ts';

export interface ConnectionDeps {
  readonly fetch: OutboundFetch;
  readonly store: ConnectionStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly clientName: string;
  /** Where browsers come back to; depends on the port the admin side listens on. */
  readonly redirectUri: () => string;
  readonly onEvent: (event: UpstreamAuthEvent) => void;
}

/** What the server wants that the gateway does not have. */
export interface Wanted {
  readonly scopes: readonly string[] | undefined;
  readonly resourceMetadata: string | undefined;
  readonly at: number;
}

/** The authorization of the gateway at one server. */
export interface Connection {
  readonly auth: UpstreamAuth;
  /** Reads what was stored. */
  open(): Promise<void>;
  headersFor(verb: Verb, url: string): Given | Promise<Given>;
  challenged(challenge: Challenge): Promise<'retry' | CredentialRefusal | undefined>;
  nonceGiven(nonce: string): void;
  /** What a login has to ask for; undefined before the server demanded anything. */
  wanted(): Wanted | undefined;
  note(demand: ServerDemand): void;
  /** Whom a login goes to, and as whom. */
  prepare(): Promise<Result<Prepared, Failure>>;
  /** Obtains tokens with a person's code and keeps them. */
  redeem(prepared: Prepared, grant: Grant): Promise<Failure | undefined>;
  state(): ConnectionState;
  forget(): Promise<void>;
}

export type Given = AddedHeaders | CredentialRefusal | undefined;

export interface Prepared extends Discovered {
  readonly client: RegisteredClient;
  readonly scopes: readonly string[] | undefined;
  readonly resourceMetadata: string | undefined;
}

export interface ConnectionState {
  readonly authorized: boolean;
  readonly issuer: string | undefined;
  readonly scopes: readonly string[];
  readonly expiresAt: number | undefined;
  /** The server refused the gateway until a person logs in. */
  readonly wantsLogin: boolean;
}

/** A refresh begins this long before the end, and the old token serves meanwhile. */
const EARLY_MS = 60 * SECOND_MS;
/** After a refusal the server is asked again without a token when this has passed: it may have become public. */
const ASK_AGAIN_MS = 30 * SECOND_MS;
/** A token that is refused right after it was issued will be refused again. */
const FRESH_MS = 10 * SECOND_MS;
const MAX_STEP_UPS = 3;
const STEP_UP_WINDOW_MS = 10 * MINUTE_MS;

export function createConnection(
  server: string,
  auth: UpstreamAuth,
  deps: ConnectionDeps,
): Connection {
  const { clock, fetch } = deps;
  const fingerprint = fingerprintOf(auth);
  const human = auth.grant === 'authorization_code';
  const asNonces: NonceBook = new Map();
  let clients: readonly RegisteredClient[] = [];
  let signer: DpopSigner | undefined;
  let nonce: string | undefined;
  let token: HeldToken | undefined;
  let stamp = 0;
  let obtainedAt = 0;
  let bearer: AddedHeaders | undefined;
  let wanted: Wanted | undefined;
  /** Outlives a lost token, so that the next authorization is no smaller than the last. */
  let lastHeld: { readonly issuer: string; readonly scopes: readonly string[] } | undefined;
  let stepUps: number[] = [];
  /** One refresh or request at a time, for all callers. */
  let running: Promise<Failure | undefined> | undefined;

  const event = (kind: UpstreamAuthEvent['kind'], more: Partial<UpstreamAuthEvent> = {}): void =>
    deps.onEvent({ kind, server, ...more });
  const adopt = (next: HeldToken | undefined): void => {
    token = next;
    lastHeld = next ?? lastHeld;
    stamp++;
    bearer =
      next?.type === 'bearer'
        ? { headers: ['authorization', `Bearer ${next.accessToken}`], stamp }
        : undefined;
  };
  const save = async (): Promise<void> => {
    if (!human) return;
    const kept = { clients, dpopKey: signer?.jwk, token };
    await deps.store.write(server, toStored(kept, fingerprint));
  };
  const drop = async (problem: string): Promise<void> => {
    if (token === undefined) return;
    event('upstream_authorization_lost', { issuer: token.issuer, problem });
    adopt(undefined);
    await save();
  };
  const dpopFor = (metadata: ServerMetadata): DpopSigner | undefined => {
    const offered = metadata.dpop_signing_alg_values_supported?.includes(DPOP_ALGORITHM) === true;
    if (auth.dpop === 'off' || (auth.dpop === 'auto' && !offered)) return undefined;
    signer ??= createDpopSigner(makeDpopKey(), deps);
    return signer;
  };

  const clientAt = async (metadata: ServerMetadata): Promise<Result<RegisteredClient, Failure>> => {
    const known = clients.find(({ issuer }) => issuer === metadata.issuer);
    const obtained = await obtainClient(fetch, {
      auth,
      server: metadata,
      redirectUri: deps.redirectUri(),
      clientName: deps.clientName,
      known,
      now: Math.floor(clock.now() / SECOND_MS),
    });
    if (obtained.ok && obtained.value !== known) {
      const others = clients.filter(({ issuer }) => issuer !== metadata.issuer);
      clients = [obtained.value, ...others].slice(0, 8);
    }
    return obtained;
  };

  const prepare = async (): Promise<Result<Prepared, Failure>> => {
    const resourceMetadata = wanted?.resourceMetadata ?? token?.resourceMetadata;
    const knownIssuers = clients.map(({ issuer }) => issuer);
    const found = await discover(fetch, auth, resourceMetadata, knownIssuers);
    if (!found.ok) return found;
    const { resource, server: metadata } = found.value;
    const client = await clientAt(metadata);
    if (!client.ok) return client;
    const scopes = chooseScopes({
      challenged: wanted?.scopes,
      // Another authorization server granted them; this one never did.
      held: lastHeld?.issuer === metadata.issuer ? lastHeld.scopes : [],
      configured: auth.scopes,
      ofResource: resource.scopes,
      ofServer: metadata.scopes_supported,
      lasting: human,
    });
    return { ok: true, value: { ...found.value, client: client.value, scopes, resourceMetadata } };
  };

  const request = async (
    metadata: ServerMetadata,
    client: RegisteredClient,
    resource: string,
    scopes: readonly string[] | undefined,
    grant: Grant,
  ): Promise<Result<Tokens, Failure>> => {
    const asClient: Client = { client_id: client.clientId };
    return requestTokens(
      fetch,
      {
        server: metadata,
        client: asClient,
        clientAuth: clientAuthOf(client, auth.privateKey, auth.keyId, deps),
        grant,
        resource,
        scopes,
        dpop: dpopFor(metadata),
        dpopRequired: auth.dpop === 'required',
        allowPrivate: auth.allowPrivate,
      },
      asNonces,
      clock,
    );
  };

  const redeem = async (prepared: Prepared, grant: Grant): Promise<Failure | undefined> => {
    const { server: metadata, client, resource, scopes } = prepared;
    const got = await request(metadata, client, resource.resource, scopes, grant);
    if (!got.ok) {
      // The authorization server no longer knows the client: register anew next time.
      if (got.error.code === 'invalid_client')
        clients = clients.filter(({ issuer }) => issuer !== metadata.issuer);
      event('upstream_token_refused', { issuer: metadata.issuer, problem: got.error.problem });
      return got.error;
    }
    const { value } = got;
    adopt({
      issuer: metadata.issuer,
      resource: resource.resource,
      resourceMetadata: prepared.resourceMetadata,
      clientId: client.clientId,
      type: value.type,
      accessToken: value.accessToken,
      refreshToken: human ? value.refreshToken : undefined,
      expiresAt: value.expiresAt,
      // Asked for counts as held too: asking again for what was not granted would never end.
      scopes: union(scopes ?? [], value.scopes ?? []),
    });
    obtainedAt = clock.monotonic();
    wanted = undefined;
    event('upstream_token_obtained', { issuer: metadata.issuer, scopes: token?.scopes ?? [] });
    await save();
    return undefined;
  };

  const refresh = async (): Promise<Failure | undefined> => {
    const held = token;
    if (held?.refreshToken === undefined) return { problem: 'there is no refresh token' };
    const { refreshToken } = held;
    const found = await discover(
      fetch,
      { ...auth, issuer: held.issuer },
      held.resourceMetadata,
      [],
    );
    if (!found.ok) {
      if (found.error.code === 'other_issuer') await drop(found.error.problem);
      return found.error;
    }
    const { server: metadata, resource } = found.value;
    const client = clients.find(
      ({ issuer, clientId }) => issuer === held.issuer && clientId === held.clientId,
    );
    if (client === undefined || resource.resource !== held.resource) {
      await drop('what it was obtained with has changed');
      return { problem: 'the authorization is no longer usable' };
    }
    const got = await request(metadata, client, held.resource, undefined, {
      kind: 'refresh_token',
      refreshToken,
    });
    if (!got.ok) {
      const { code } = got.error;
      event('upstream_token_refused', { issuer: held.issuer, problem: got.error.problem });
      if (code === 'invalid_client')
        clients = clients.filter(({ issuer }) => issuer !== held.issuer);
      // Anything else may be a passing trouble, and the refresh token is worth keeping.
      if (code === 'invalid_grant' || code === 'invalid_client') await drop(got.error.problem);
      return got.error;
    }
    const { value } = got;
    adopt({
      ...held,
      type: value.type,
      accessToken: value.accessToken,
      refreshToken: value.refreshToken ?? refreshToken,
      expiresAt: value.expiresAt,
    });
    obtainedAt = clock.monotonic();
    await save();
    return undefined;
  };

  /** Tokens of the gateway itself, without a person. */
  const obtain = async (): Promise<Failure | undefined> => {
    const prepared = await prepare();
    if (!prepared.ok) return prepared.error;
    if (auth.grant === 'client_credentials')
      return redeem(prepared.value, { kind: 'client_credentials' });
    let assertion: string;
    try {
      assertion = (await auth.assertion?.read()) ?? '';
    } catch {
      return { problem: 'the assertion could not be read' };
    }
    if (auth.exchange !== undefined) {
      const { resource, server: metadata } = prepared.value;
      const exchanged = await exchangeAssertion(fetch, auth.exchange, {
        subjectToken: assertion,
        audience: metadata.issuer,
        resource: resource.resource,
        allowPrivate: auth.allowPrivate,
      });
      if (!exchanged.ok) return exchanged.error;
      assertion = exchanged.value;
    }
    return redeem(prepared.value, { kind: 'jwt_bearer', assertion });
  };

  const once = (work: () => Promise<Failure | undefined>): Promise<Failure | undefined> => {
    running ??= work()
      .catch((): Failure => ({ problem: 'the tokens could not be kept or obtained' }))
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const renew = (): Promise<Failure | undefined> => once(human ? refresh : obtain);
  const login = (problem: string): CredentialRefusal => ({ refused: 'login', problem });
  const failed = ({ problem }: Failure): CredentialRefusal => ({ refused: 'failed', problem });
  const current = (verb: Verb, url: string): Given => {
    if (token === undefined) return undefined;
    if (bearer !== undefined) return bearer;
    const proof = signer?.proof(verb, url, nonce, token.accessToken);
    if (proof === undefined) return login('its token lost its key');
    return { headers: ['authorization', `DPoP ${token.accessToken}`, 'dpop', proof], stamp };
  };
  const afterRenewal = async (verb: Verb, url: string): Promise<Given> => {
    const failure = await renew();
    if (failure === undefined || (token !== undefined && !expired(token)))
      return current(verb, url);
    return human && token === undefined ? login(failure.problem) : failed(failure);
  };
  const expired = (held: HeldToken): boolean =>
    held.expiresAt !== undefined && clock.now() >= held.expiresAt;

  const stepUp = async (scopes: readonly string[]): Promise<'retry' | CredentialRefusal> => {
    const held = token?.scopes ?? [];
    if (scopes.every((scope) => held.includes(scope)))
      return { refused: 'failed', problem: 'it refuses the scopes that it was given' };
    const now = clock.monotonic();
    stepUps = stepUps.filter((at) => now - at < STEP_UP_WINDOW_MS);
    if (stepUps.length >= MAX_STEP_UPS)
      return { refused: 'failed', problem: 'it keeps demanding further scopes' };
    stepUps.push(now);
    if (human) return login('it demands further scopes');
    const failure = await once(obtain);
    return failure === undefined ? 'retry' : failed(failure);
  };

  const note = (demand: ServerDemand): void => {
    wanted = {
      scopes: demand.scopes,
      resourceMetadata: demand.resourceMetadata ?? wanted?.resourceMetadata,
      at: clock.monotonic(),
    };
  };

  return {
    auth,
    async open() {
      if (!human) return;
      const stored = fromStored(await deps.store.read(server), fingerprint);
      if (stored === undefined) return;
      clients = stored.clients;
      if (stored.dpopKey !== undefined) signer = createDpopSigner(stored.dpopKey, deps);
      adopt(stored.token);
    },
    headersFor(verb, url) {
      if (token === undefined) {
        if (human && wanted !== undefined && clock.monotonic() - wanted.at < ASK_AGAIN_MS)
          return login('nobody authorized it yet');
        return undefined;
      }
      if (token.expiresAt === undefined || clock.now() < token.expiresAt - EARLY_MS)
        return current(verb, url);
      if (human && token.refreshToken === undefined) {
        if (!expired(token)) return current(verb, url);
        return login('its token has expired');
      }
      if (expired(token)) return afterRenewal(verb, url);
      // A failure shows when the token is really gone.
      void renew();
      return current(verb, url);
    },
    async challenged({ status, wwwAuthenticate, dpopNonce, stamp: used }) {
      const demand = readDemand(wwwAuthenticate);
      if (dpopNonce !== undefined) nonce = dpopNonce;
      // Somebody else renewed it while this request was under way.
      if (used !== stamp && token !== undefined) return 'retry';
      if (demand.error === 'use_dpop_nonce' && dpopNonce !== undefined && token?.type === 'dpop')
        return 'retry';
      if (status === 403) {
        if (demand.error !== 'insufficient_scope' || token === undefined) return undefined;
        note({ ...demand, scopes: demand.scopes ?? [] });
        return stepUp(demand.scopes ?? []);
      }
      note(demand);
      if (token !== undefined && clock.monotonic() - obtainedAt < FRESH_MS && obtainedAt > 0) {
        if (!human) return { refused: 'failed', problem: 'it refuses a token that is just issued' };
        await drop('the server refused a token that was just issued');
      }
      if (!human || token?.refreshToken !== undefined) {
        const failure = await renew();
        if (failure === undefined) return 'retry';
        return human && token === undefined ? login(failure.problem) : failed(failure);
      }
      await drop('the server refused the token');
      return login('nobody authorized it yet');
    },
    nonceGiven(given) {
      nonce = given;
    },
    wanted: () => wanted,
    note,
    prepare,
    async redeem(prepared, grant) {
      // Not between a refresh and its result: the older of the two would win.
      while (running !== undefined) await running;
      return once(() => redeem(prepared, grant));
    },
    state: () => ({
      authorized: token !== undefined,
      issuer: token?.issuer,
      scopes: token?.scopes ?? [],
      expiresAt: token?.expiresAt,
      wantsLogin: human && wanted !== undefined,
    }),
    async forget() {
      while (running !== undefined) await running;
      clients = [];
      signer = undefined;
      adopt(undefined);
      lastHeld = undefined;
      await deps.store.remove(server);
    },
  };
}
