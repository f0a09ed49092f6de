import { type Clock, MINUTE_MS, sha256Base64Url } from '../kernel/index.ts';
import { BOOTSTRAP_PREFIX, type Bootstraps } from './credentials/bootstrap.ts';
import type {
  Agent,
  AuthenticationRefusal,
  Authenticator,
  PresentedCredential,
  Principal,
  RevocationMark,
} from './model.ts';
import type { AgentRegistry } from './registry/registry.ts';
import { unusable } from './registry/transitions.ts';
import type { ResourceDirectory } from './resources.ts';
import { ownerMark, type Revocations, userMark } from './revocations.ts';
import type { AccessToken, AccessTokens } from './tokens/access-token.ts';
import type { DpopVerifier } from './tokens/dpop.ts';
import { MAX_TOKEN_LENGTH } from './tokens/jws.ts';

const MAX_CACHED_TOKENS = 20_000;
/** A verified token is looked at anew after this time, so that a dropped issuer key stops it. */
const CACHE_MS = MINUTE_MS;

/** What revocation needs to know of a principal; carried along when a principal is copied. */
const FACTS = Symbol('identity.facts');
interface Facts {
  readonly sequence: number;
  readonly subjects: readonly string[];
  /** Generation of the marks at which no subject was revoked. */
  clearAt: number;
}
type KnownPrincipal = Principal & { readonly [FACTS]?: Facts };

interface Entry {
  principal: KnownPrincipal;
  readonly audience: string | undefined;
  readonly jkt: string | undefined;
  readonly goodUntil: number;
}

export interface AuthenticatorDeps {
  readonly tokens: AccessTokens;
  readonly bootstraps: Bootstraps;
  readonly registry: AgentRegistry;
  readonly revocations: Revocations;
  readonly resources: ResourceDirectory;
  readonly dpop: DpopVerifier;
  readonly clock: Clock;
  /** Ids of the agents whose callers a mark may concern; more is safe, fewer leaves streams open. */
  readonly concerns: (mark: RevocationMark) => readonly string[];
}

/**
 * Turns what a request presents into a principal. Always synchronous: a known token costs a hash and
 * a few look-ups, a new one also a signature check (about 80 µs). State, expiry and revocation are
 * looked up on every call and never cached. Hostile input of any kind is a refusal.
 */
export function createAuthenticator(deps: AuthenticatorDeps): Authenticator {
  const { tokens, bootstraps, registry, revocations, resources, dpop, clock, concerns } = deps;
  const cache = new Map<string, Entry>();
  const listeners = new Set<(agentId: string) => void>();

  const tell = (agentId: string): void => {
    for (const listener of listeners) listener(agentId);
  };
  registry.onChange((agent) => {
    if (unusable(agent, clock.now()) !== undefined) tell(agent.id);
  });
  revocations.onMark((mark) => {
    for (const agentId of new Set(concerns(mark))) tell(agentId);
  });

  const revoked = (principal: Principal): string | undefined => {
    const agent = registry.get(principal.agent.id);
    if (agent === undefined) return 'unknown_agent';
    const problem = unusable(agent, clock.now());
    if (problem !== undefined) return problem;
    const facts = (principal as KnownPrincipal)[FACTS] ?? factsOf(principal);
    const generation = revocations.generation();
    if (facts.clearAt === generation) return undefined;
    for (const subject of facts.subjects) {
      if (revocations.find(subject, facts.sequence) !== undefined) return 'revoked';
    }
    facts.clearAt = generation;
    return undefined;
  };

  const remember = (hash: string, entry: Entry): void => {
    if (cache.size >= MAX_CACHED_TOKENS) {
      const oldest = cache.keys().next().value;
      if (oldest !== undefined) cache.delete(oldest);
    }
    cache.set(hash, entry);
  };

  const firstSight = (token: string, now: number): Entry | string => {
    if (token.startsWith(BOOTSTRAP_PREFIX)) {
      const credential = bootstraps.find(token);
      if (credential === undefined) return 'unknown_token';
      if (credential.revokedAt !== undefined) return 'revoked';
      if (credential.expiresAt <= now) return 'expired';
      const agent = registry.get(credential.agentId);
      if (agent === undefined) return 'unknown_agent';
      return {
        principal: principalOf(
          agent,
          {
            agent,
            path: [agent.id],
            credential: {
              kind: 'bootstrap',
              id: credential.id,
              issuedAt: credential.createdAt,
              expiresAt: credential.expiresAt,
            },
            scopes: [],
          },
          credential.sequence,
        ),
        audience: undefined,
        jkt: undefined,
        goodUntil: Math.min(credential.expiresAt, now + CACHE_MS),
      };
    }
    const outcome = tokens.verify(token);
    if (!outcome.ok) return outcome.reason;
    const agent = registry.get(outcome.token.agentId);
    if (agent === undefined) return 'unknown_agent';
    return {
      principal: fromAccessToken(agent, outcome.token),
      audience: outcome.token.audience,
      jkt: outcome.token.jkt,
      goodUntil: Math.min(outcome.token.expiresAt, now + CACHE_MS),
    };
  };

  const authenticate = (presented: PresentedCredential): Principal | AuthenticationRefusal => {
    const { authorization } = presented;
    if (authorization === undefined || authorization === '')
      return { refused: true, reason: 'missing' };
    const space = authorization.indexOf(' ');
    const scheme = authorization.slice(0, Math.max(0, space)).toLowerCase();
    if (scheme !== 'bearer' && scheme !== 'dpop')
      return { refused: true, reason: 'unsupported_scheme' };
    const token = authorization.slice(space + 1).trim();
    if (token === '' || token.length > MAX_TOKEN_LENGTH)
      return { refused: true, error: 'invalid_request', reason: 'malformed' };

    const now = clock.now();
    const hash = sha256Base64Url(token);
    let entry = cache.get(hash);
    if (entry === undefined || entry.goodUntil <= now) {
      cache.delete(hash);
      const found = firstSight(token, now);
      if (typeof found === 'string') return invalidToken(found);
      entry = found;
      remember(hash, entry);
    }
    if (entry.audience !== undefined && !resources.accepts(entry.audience, presented.resource))
      return invalidToken('wrong_audience');
    const dead = revoked(entry.principal);
    if (dead !== undefined) return invalidToken(dead);

    if (entry.jkt !== undefined) {
      // RFC 9449 section 7.2: a bound token under the Bearer scheme is a stolen token.
      if (scheme !== 'dpop') return invalidToken('bound_token_as_bearer');
      if (presented.dpop === undefined) return invalidToken('dpop_missing');
      const proof = dpop.verify({
        proof: presented.dpop,
        method: presented.method,
        url: presented.resource,
        accessToken: token,
      });
      if (!proof.ok) return invalidToken(proof.reason);
      if (proof.jkt !== entry.jkt) return invalidToken('dpop_wrong_key');
    } else if (scheme !== 'bearer') {
      return invalidToken('not_bound');
    }

    const agent = registry.get(entry.principal.agent.id);
    if (agent !== undefined && agent !== entry.principal.agent)
      entry.principal = withAgent(entry.principal, agent);
    return entry.principal;
  };

  return {
    authenticate,
    revoked,
    onRevoked(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function fromAccessToken(agent: Agent, token: AccessToken): KnownPrincipal {
  return principalOf(
    agent,
    {
      agent,
      ...(token.user === undefined ? {} : { user: token.user }),
      path: token.path,
      credential: Object.freeze({
        kind: 'access_token',
        id: token.jti,
        issuedAt: token.issuedAt,
        expiresAt: token.expiresAt,
        client: token.clientId,
        ...(token.grantId === undefined ? {} : { grant: token.grantId }),
        ...(token.jkt === undefined ? {} : { boundTo: token.jkt }),
      }),
      scopes: token.scopes,
    },
    token.sequence,
    token.owner,
  );
}

function principalOf(
  agent: Agent,
  principal: Principal,
  sequence: number,
  owner = agent.owners[0],
): KnownPrincipal {
  const subjects = new Set(subjectsOf(principal));
  if (owner !== undefined) subjects.add(ownerMark(owner));
  return Object.freeze({
    ...principal,
    [FACTS]: { sequence, subjects: [...subjects], clearAt: -1 },
  });
}

/** The agent changed since the token was first seen: policy reads the new facts, revocation both. */
function withAgent(principal: KnownPrincipal, agent: Agent): KnownPrincipal {
  const { sequence, subjects } = principal[FACTS] ?? factsOf(principal);
  const all = new Set([...subjects, ...agent.owners.map(ownerMark)]);
  return Object.freeze({
    ...principal,
    agent,
    [FACTS]: { sequence, subjects: [...all], clearAt: -1 },
  });
}

/** For a principal that this authenticator did not make; issue time stands in for the sequence. */
function factsOf(principal: Principal): Facts {
  return {
    sequence: principal.credential.issuedAt * 1000,
    subjects: subjectsOf(principal),
    clearAt: -1,
  };
}

function subjectsOf(principal: Principal): readonly string[] {
  const { agent, user, path, credential } = principal;
  return [
    ...path,
    ...agent.owners.map(ownerMark),
    ...(user === undefined ? [] : [userMark(user)]),
    credential.id,
    ...(credential.client === undefined || credential.client === agent.id
      ? []
      : [credential.client]),
    ...(credential.grant === undefined ? [] : [credential.grant]),
  ];
}

function invalidToken(reason: string): AuthenticationRefusal {
  return { refused: true, error: 'invalid_token', reason };
}
