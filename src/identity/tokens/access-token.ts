import type { Clock, IdSource } from '../../kernel/index.ts';
import { SECOND_MS } from '../../kernel/index.ts';
import { claimsOfRights, rightsFromClaims } from '../delegation/read-rights.ts';
import type { Rights } from '../delegation/rights.ts';
import type { IssuerKeys } from '../keys/issuer-keys.ts';
import type { Agent } from '../model.ts';
import { parseCompact, signJws, verifyJws } from './jws.ts';
import type { IssueSequence } from './sequence.ts';

/** Life of an access token in seconds. */
export const ACCESS_TOKEN_SECONDS = 300;
/** How far ahead another replica's clock may be. */
const MAX_AHEAD_MS = 30 * SECOND_MS;

export interface AccessTokenRequest {
  readonly agent: Agent;
  /** Ids root..leaf that end in the agent. */
  readonly path: readonly string[];
  readonly clientId: string;
  /** Exactly one resource URL. */
  readonly audience: string;
  readonly scopes: readonly string[];
  /** The human on whose behalf; then `sub` is the human and `act` the agent (RFC 8693 section 4.1). */
  readonly user?: string;
  readonly grantId?: string;
  /** DPoP key thumbprint to bind the token to. */
  readonly jkt?: string;
  /** `authorization_details` (RFC 9396) and budgets. */
  readonly rights?: Rights;
  /** Transaction that all tokens of a chain share; its root's `jti` when absent. */
  readonly txn?: string;
  /** The agent that may exchange the token instead of its holder (RFC 8693 section 4.4). */
  readonly mayAct?: string;
  /** Interactive client that the chain began with, when the holder is another. */
  readonly rootClient?: string;
  /**
   * Place in the issue order, for a token whose rights were settled earlier: a mark that came in between must hold for it.
   * Now when absent.
   */
  readonly sequence?: number;
  /** The token ends at this moment (ms) at the latest. */
  readonly notAfter?: number;
}

/** The claims of a token that verified. Times in ms since the epoch. */
export interface AccessToken {
  readonly jti: string;
  readonly agentId: string;
  readonly path: readonly string[];
  readonly owner: string;
  readonly clientId: string;
  readonly audience: string;
  readonly scopes: readonly string[];
  readonly user?: string;
  readonly grantId?: string;
  readonly jkt?: string;
  readonly rights?: Rights;
  readonly txn?: string;
  readonly mayAct?: string;
  readonly rootClient?: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly sequence: number;
}

export type AccessTokenOutcome =
  | { readonly ok: true; readonly token: AccessToken }
  | { readonly ok: false; readonly reason: string };

export interface AccessTokens {
  /** A signed `at+jwt` (RFC 9068), ES256. About 40 µs. */
  issue(request: AccessTokenRequest): {
    readonly token: string;
    readonly jti: string;
    /** Seconds from now. */
    readonly expiresIn: number;
  };
  /** Signature, `typ`, algorithm, key, issuer, times and shape; not audience, state or revocation. Never throws. */
  verify(token: string): AccessTokenOutcome;
}

export interface AccessTokensDeps {
  readonly issuer: string;
  readonly keys: IssuerKeys;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly sequence: IssueSequence;
}

export function createAccessTokens(deps: AccessTokensDeps): AccessTokens {
  const { issuer, keys, clock, ids, sequence } = deps;
  return {
    issue(request) {
      const { kid, key } = keys.signer();
      const jti = ids.next('token');
      const iat = Math.floor(clock.now() / SECOND_MS);
      const exp = Math.min(
        iat + ACCESS_TOKEN_SECONDS,
        Math.floor((request.notAfter ?? Number.POSITIVE_INFINITY) / SECOND_MS),
      );
      const payload = {
        iss: issuer,
        aud: request.audience,
        sub: request.user ?? request.path[0] ?? request.agent.id,
        client_id: request.clientId,
        ...actClaim(request.path, request.user !== undefined),
        agt: request.path,
        own: request.agent.owners[0],
        ...(request.grantId === undefined ? {} : { gid: request.grantId }),
        scope: request.scopes.join(' '),
        jti,
        iat,
        exp,
        seq: request.sequence ?? sequence.next(),
        ...(request.jkt === undefined ? {} : { cnf: { jkt: request.jkt } }),
        ...(request.rights === undefined ? {} : claimsOfRights(request.rights)),
        ...(request.txn === undefined ? {} : { txn: request.txn }),
        ...(request.mayAct === undefined ? {} : { may_act: { sub: request.mayAct } }),
        ...(request.rootClient === undefined ? {} : { rcl: request.rootClient }),
      };
      return {
        token: signJws({ typ: 'at+jwt', kid }, payload, key, 'ES256'),
        jti,
        expiresIn: Math.max(0, exp - iat),
      };
    },

    verify(text) {
      const refuse = (reason: string): AccessTokenOutcome => ({ ok: false, reason });
      const jws = parseCompact(text);
      if (jws === undefined) return refuse('malformed');
      const { typ, alg, kid } = jws.header;
      if (typ !== 'at+jwt') return refuse('wrong_type');
      if (alg !== 'ES256') return refuse('wrong_algorithm');
      const key = typeof kid === 'string' ? keys.find(kid) : undefined;
      if (key === undefined) return refuse('unknown_key');
      if (!verifyJws(jws, key, 'ES256')) return refuse('bad_signature');
      const token = readClaims(jws.payload, issuer);
      if (typeof token === 'string') return refuse(token);
      const now = clock.now();
      if (token.expiresAt <= now) return refuse('expired');
      if (token.issuedAt > now + MAX_AHEAD_MS) return refuse('from_future');
      return { ok: true, token };
    },
  };
}

/** We signed it, yet an older or newer version of us may have: every claim is still checked. */
function readClaims(
  claims: Readonly<Record<string, unknown>>,
  issuer: string,
): AccessToken | string {
  const { iss, aud, sub, client_id, act, agt, own, gid, scope, jti, iat, exp, seq, cnf } = claims;
  const { authorization_details, lim, txn, may_act, rcl } = claims;
  if (iss !== issuer) return 'wrong_issuer';
  if (typeof aud !== 'string') return 'wrong_audience';
  if (
    typeof sub !== 'string' ||
    typeof client_id !== 'string' ||
    typeof own !== 'string' ||
    typeof jti !== 'string' ||
    typeof scope !== 'string' ||
    !isTime(iat) ||
    !isTime(exp) ||
    typeof seq !== 'number' ||
    !Number.isSafeInteger(seq) ||
    !Array.isArray(agt) ||
    !agt.every((id) => typeof id === 'string')
  )
    return 'bad_claims';
  const path = Object.freeze(agt as string[]);
  const agentId = path.at(-1);
  if (agentId === undefined) return 'bad_claims';
  const onBehalf = sub !== path[0];
  if (!isActOf(act, onBehalf ? path : path.slice(1))) return 'bad_claims';
  for (const optional of [txn, rcl])
    if (optional !== undefined && typeof optional !== 'string') return 'bad_claims';
  const mayAct = member(may_act, 'sub');
  if (may_act !== undefined && mayAct === undefined) return 'bad_claims';
  // Details that cannot be read must not turn into a token without details.
  const rights =
    authorization_details === undefined ? undefined : rightsFromClaims(authorization_details, lim);
  if (authorization_details !== undefined && rights === undefined) return 'bad_claims';
  if (gid !== undefined && typeof gid !== 'string') return 'bad_claims';
  const jkt = member(cnf, 'jkt');
  // An unknown confirmation method must not turn into an unbound token (RFC 7800 section 3.1).
  if (cnf !== undefined && jkt === undefined) return 'unknown_binding';
  return {
    jti,
    agentId,
    path,
    owner: own,
    clientId: client_id,
    audience: aud,
    scopes: Object.freeze(scope === '' ? [] : scope.split(' ')),
    ...(onBehalf ? { user: sub } : {}),
    ...(gid === undefined ? {} : { grantId: gid }),
    ...(jkt === undefined ? {} : { jkt }),
    ...(rights === undefined ? {} : { rights }),
    ...(typeof txn === 'string' ? { txn } : {}),
    ...(mayAct === undefined ? {} : { mayAct }),
    ...(typeof rcl === 'string' ? { rootClient: rcl } : {}),
    issuedAt: iat * SECOND_MS,
    expiresAt: exp * SECOND_MS,
    sequence: seq,
  };
}

/** The chain of RFC 8693 section 4.1, the current actor outermost. Without a user the root is the subject, not an actor. */
function actClaim(path: readonly string[], forUser: boolean): { readonly act?: object } {
  const actors = forUser ? path : path.slice(1);
  const act = actors.reduce<object | undefined>(
    (before, sub) => (before === undefined ? { sub } : { sub, act: before }),
    undefined,
  );
  return act === undefined ? {} : { act };
}

/** Does the chain name exactly these actors, the last one outermost? */
function isActOf(act: unknown, actors: readonly string[]): boolean {
  let link = act;
  for (const actor of actors.toReversed()) {
    if (member(link, 'sub') !== actor) return false;
    link = (link as Record<string, unknown>)['act'];
  }
  return link === undefined;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function member(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  const found = (value as Record<string, unknown>)[name];
  return typeof found === 'string' ? found : undefined;
}
