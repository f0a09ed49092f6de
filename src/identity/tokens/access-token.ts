import type { Clock, IdSource } from '../../kernel/index.ts';
import { SECOND_MS } from '../../kernel/index.ts';
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
  /** Ids root..leaf that end in the agent; the agent alone for now. */
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
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly sequence: number;
}

export type AccessTokenOutcome =
  | { readonly ok: true; readonly token: AccessToken }
  | { readonly ok: false; readonly reason: string };

export interface AccessTokens {
  /** A signed `at+jwt` (RFC 9068), ES256. About 40 µs. */
  issue(request: AccessTokenRequest): { readonly token: string; readonly jti: string };
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
      const payload = {
        iss: issuer,
        aud: request.audience,
        sub: request.user ?? request.agent.id,
        client_id: request.clientId,
        ...(request.user === undefined ? {} : { act: { sub: request.agent.id } }),
        agt: request.path,
        own: request.agent.owners[0],
        ...(request.grantId === undefined ? {} : { gid: request.grantId }),
        scope: request.scopes.join(' '),
        jti,
        iat,
        exp: iat + ACCESS_TOKEN_SECONDS,
        seq: sequence.next(),
        ...(request.jkt === undefined ? {} : { cnf: { jkt: request.jkt } }),
      };
      return { token: signJws({ typ: 'at+jwt', kid }, payload, key, 'ES256'), jti };
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
  const actor = member(act, 'sub');
  const onBehalf = act !== undefined;
  if (onBehalf ? actor !== agentId : sub !== agentId) return 'bad_claims';
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
    issuedAt: iat * SECOND_MS,
    expiresAt: exp * SECOND_MS,
    sequence: seq,
  };
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function member(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  const found = (value as Record<string, unknown>)[name];
  return typeof found === 'string' ? found : undefined;
}
