import { type Clock, MINUTE_MS, sha256Base64Url } from '../kernel/index.ts';
import { BOOTSTRAP_PREFIX, type Bootstraps } from './credentials/bootstrap.ts';
import type {
  Agent,
  AuthenticationRefusal,
  Authenticator,
  Delegation,
  PresentedCredential,
  Principal,
  RevocationMark,
} from './model.ts';
import type { Blueprints } from './registry/blueprints.ts';
import type { AgentRegistry } from './registry/registry.ts';
import { unusable } from './registry/transitions.ts';
import type { ResourceDirectory } from './resources.ts';
import { blueprintMark, ownerMark, type Revocations, userMark } from './revocations.ts';
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
  readonly blueprints: Blueprints;
  readonly registry: AgentRegistry;
  readonly revocations: Revocations;
  readonly resources: ResourceDirectory;
  readonly dpop: DpopVerifier;
  readonly clock: Clock;
  /** Ids of the agents whose callers a mark may concern; more is safe, fewer leaves streams open. */
  readonly concerns: (mark: RevocationMark) => readonly string[];
}

/** What the token endpoint also needs. */
export interface TokenAuthenticator extends Authenticator {
  /** A token that is alive now, whatever it is for and whoever presents it; a string is the reason why it is not. */
  inspect(token: string):
    | {
        readonly principal: Principal;
        readonly token: AccessToken;
        /** The agents of its path, root first. */
        readonly chain: readonly [Agent, ...Agent[]];
      }
    | string;
}

/**
 * Turns what a request presents into a principal. Always synchronous: a known token costs a hash and
 * a few look-ups, a new one also a signature check (about 80 µs). State, expiry and revocation are
 * looked up on every call and never cached. Hostile input of any kind is a refusal.
 */
export function createAuthenticator(deps: AuthenticatorDeps): TokenAuthenticator {
  const {
    tokens,
    bootstraps,
    blueprints,
    registry,
    revocations,
    resources,
    dpop,
    clock,
    concerns,
  } = deps;
  const cache = new Map<string, Entry>();
  const listeners = new Set<(agentId: string) => void>();

  const tell = (agentId: string): void => {
    // What it made ends with it.
    for (const id of [agentId, ...registry.descendants(agentId)])
      for (const listener of listeners) listener(id);
  };
  registry.onChange((agent) => {
    if (unusable(agent, clock.now()) !== undefined) tell(agent.id);
  });
  revocations.onMark((mark) => {
    for (const agentId of new Set(concerns(mark))) tell(agentId);
  });

  const revoked = (principal: Principal): string | undefined => {
    const { path } = principal;
    for (let i = path.length - 1; i >= 0; i--) {
      const agent = registry.get(path[i] ?? '');
      if (agent === undefined) return 'unknown_agent';
      const problem = unusable(agent, clock.now());
      if (problem !== undefined) return problem;
    }
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
      if (agent.kind !== undefined) return 'unknown_token';
      const blueprint = agent.blueprint === undefined ? undefined : blueprints.get(agent.blueprint);
      if (blueprint?.disabledAt !== undefined) return 'blueprint_disabled';
      const delegation =
        blueprint?.ceiling === undefined
          ? undefined
          : delegationOf([agent], {
              rights: { details: blueprint.ceiling, counters: blueprint.ceiling.map(() => []) },
            });
      return {
        principal: principalOf(
          [agent],
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
            ...(delegation === undefined ? {} : { delegation }),
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
    const chain = chainOf(outcome.token);
    if (typeof chain === 'string') return chain;
    return {
      principal: fromAccessToken(chain, outcome.token),
      audience: outcome.token.audience,
      jkt: outcome.token.jkt,
      goodUntil: Math.min(outcome.token.expiresAt, now + CACHE_MS),
    };
  };

  /** The agents of the path, root first. A sub-agent stands where it was made and nowhere else. */
  const chainOf = ({ path, rights }: AccessToken): readonly [Agent, ...Agent[]] | string => {
    const chain: Agent[] = [];
    for (const [index, id] of path.entries()) {
      const agent = registry.get(id);
      if (agent === undefined) return 'unknown_agent';
      if (agent.kind !== undefined) {
        const made = agent.delegation?.path ?? [];
        if (made.length !== index + 1 || made.some((one, at) => one !== path[at]))
          return 'bad_claims';
      }
      chain.push(agent);
    }
    const [root, ...rest] = chain;
    // Only an instance of an agent without bounds has none; a sub-agent always has.
    if (chain.at(-1)?.kind === 'subagent' && rights === undefined) return 'bad_claims';
    return root === undefined || root.kind !== undefined ? 'bad_claims' : [root, ...rest];
  };

  /** The principal with what the registry says now of every agent whose facts policy reads. */
  const refreshed = (principal: KnownPrincipal): KnownPrincipal => {
    const agent = registry.get(principal.agent.id) ?? principal.agent;
    const { delegation } = principal;
    if (delegation === undefined)
      return agent === principal.agent ? principal : withAgent(principal, agent);
    const stale = delegation.agents.some((one) => (registry.get(one.id) ?? one) !== one);
    if (!stale && agent === principal.agent) return principal;
    const [root, ...rest] = delegation.agents;
    const now = (one: Agent): Agent => registry.get(one.id) ?? one;
    return withAgent(
      { ...principal, delegation: { ...delegation, agents: [now(root), ...rest.map(now)] } },
      agent,
    );
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

    entry.principal = refreshed(entry.principal);
    return entry.principal;
  };

  return {
    authenticate,
    revoked,
    inspect(text) {
      const outcome = tokens.verify(text);
      if (!outcome.ok) return outcome.reason;
      const chain = chainOf(outcome.token);
      if (typeof chain === 'string') return chain;
      const principal = fromAccessToken(chain, outcome.token);
      return revoked(principal) ?? { principal, token: outcome.token, chain };
    },
    onRevoked(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** Of a chain with rights or with more than one member; what policy and records need to know of it. */
function delegationOf(
  chain: readonly [Agent, ...Agent[]],
  facts: Pick<Delegation, 'rights' | 'txn' | 'rootClient'>,
): Delegation {
  const [root, ...rest] = chain;
  const delegation: Delegation = {
    ...facts,
    agents: [root, ...rest.filter((agent) => agent.kind === undefined)],
    names: chain.map((agent) => agent.name),
  };
  return Object.freeze(delegation);
}

function fromAccessToken(chain: readonly [Agent, ...Agent[]], token: AccessToken): KnownPrincipal {
  const agent = chain.at(-1) ?? chain[0];
  const { rights, txn } = token;
  const delegation =
    chain.length === 1 && rights === undefined
      ? undefined
      : delegationOf(chain, {
          ...(rights === undefined ? {} : { rights }),
          ...(txn === undefined ? {} : { txn }),
          ...(token.rootClient === undefined ? {} : { rootClient: token.rootClient }),
        });
  return principalOf(
    chain,
    {
      agent,
      ...(delegation === undefined ? {} : { delegation }),
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
    [ownerMark(token.owner), ...(token.rootClient === undefined ? [] : [token.rootClient])],
  );
}

function principalOf(
  chain: readonly Agent[],
  principal: Principal,
  sequence: number,
  more: readonly string[] = [],
): KnownPrincipal {
  const subjects = new Set([...subjectsOf(principal), ...chain.flatMap(standsUnder), ...more]);
  return Object.freeze({
    ...principal,
    [FACTS]: { sequence, subjects: [...subjects], clearAt: -1 },
  });
}

/** The agent changed since the token was first seen: policy reads the new facts, revocation both. */
function withAgent(principal: KnownPrincipal, agent: Agent): KnownPrincipal {
  const { sequence, subjects } = principal[FACTS] ?? factsOf(principal);
  const agents = [agent, ...(principal.delegation?.agents ?? [])];
  const all = new Set([...subjects, ...agents.flatMap(standsUnder)]);
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

/** Marks of whom an agent answers to and of what it is made after. */
function standsUnder({ owners, blueprint }: Agent): readonly string[] {
  return [...owners.map(ownerMark), ...(blueprint === undefined ? [] : [blueprintMark(blueprint)])];
}

function subjectsOf(principal: Principal): readonly string[] {
  const { agent, user, path, credential } = principal;
  return [
    ...path,
    ...standsUnder(agent),
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
