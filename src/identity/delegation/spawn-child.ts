import { type Clock, SECOND_MS } from '../../kernel/index.ts';
import { readPublicJwk } from '../keys/jwk.ts';
import type { Agent, Principal } from '../model.ts';
import type { OAuthEvent } from '../oauth/events.ts';
import type { AgentRegistry } from '../registry/registry.ts';
import type { ResourceDirectory } from '../resources.ts';
import type { AccessToken, AccessTokens } from '../tokens/access-token.ts';
import { type Delegate, rootClientOf } from './delegate.ts';
import { type AgentToolDetail, readDetails } from './details.ts';

/** What a caller that is already authenticated asks for; hostile values. */
export interface SpawnRequest {
  readonly authorization_details?: unknown;
  /** Public JWK (P-256 or Ed25519) of the child; its private half stays with whoever made it. */
  readonly key?: unknown;
  readonly blueprint?: unknown;
  readonly purpose?: unknown;
  /** Seconds the child may live. */
  readonly expires_in?: unknown;
}

export type SpawnOutcome =
  | {
      readonly ok: true;
      readonly agentId: string;
      readonly token: string;
      /** Seconds. */
      readonly expiresIn: number;
      /** When the child itself ends; seconds since the epoch. */
      readonly agentExpiresAt: number;
      readonly details: readonly AgentToolDetail[];
    }
  /** `problem` is for the agent and repeats no value. */
  | { readonly ok: false; readonly problem: string };

/**
 * A child for a caller at the gateway, by the same checks as a token exchange; its token is bound to `key`. A caller whose
 * own token is bound to no key could be anybody who copied it: its child lives no longer than that token.
 */
export type SpawnChild = (principal: Principal, request: SpawnRequest) => Promise<SpawnOutcome>;

export interface SpawnChildDeps {
  readonly delegate: Delegate;
  readonly registry: AgentRegistry;
  readonly tokens: AccessTokens;
  readonly resources: ResourceDirectory;
  readonly scopes: readonly string[];
  readonly clock: Clock;
  readonly onEvent: (event: OAuthEvent) => void;
}

export function createSpawnChild(deps: SpawnChildDeps): SpawnChild {
  const { delegate, registry, tokens, resources, clock, onEvent } = deps;

  const chainOf = (principal: Principal): readonly [Agent, ...Agent[]] | undefined => {
    const [root, ...rest] = principal.path.flatMap((id) => registry.get(id) ?? []);
    return root === undefined || rest.length + 1 !== principal.path.length
      ? undefined
      : [root, ...rest];
  };

  return async (principal, request) => {
    const bad = (problem: string): SpawnOutcome => ({ ok: false, problem });
    const key = readPublicJwk(request.key);
    if (key === undefined) return bad('key must be the public JWK of a P-256 or Ed25519 key.');
    const read =
      request.authorization_details === undefined
        ? undefined
        : readDetails(request.authorization_details);
    if (read !== undefined && !read.ok) return bad(`authorization_details: ${read.problem}.`);
    const { blueprint, purpose, expires_in: life } = request;
    if (blueprint !== undefined && typeof blueprint !== 'string')
      return bad('blueprint must be a string.');
    if (purpose !== undefined && typeof purpose !== 'string')
      return bad('purpose must be a string.');
    if (life !== undefined && (typeof life !== 'number' || !Number.isSafeInteger(life)))
      return bad('expires_in must be a number of seconds.');
    const chain = chainOf(principal);
    if (chain === undefined) return bad('the agent is not known any more.');

    const { credential, delegation, user } = principal;
    const now = clock.now();
    const untilToken = Math.floor((credential.expiresAt - now) / SECOND_MS);
    const seconds = credential.boundTo === undefined ? Math.min(life ?? 3600, untilToken) : life;
    const token: AccessToken = {
      jti: credential.id,
      agentId: principal.agent.id,
      path: principal.path,
      owner: principal.agent.owners[0] ?? '',
      clientId: credential.client ?? principal.agent.id,
      audience: resources.defaultResource,
      scopes: principal.scopes,
      issuedAt: credential.issuedAt,
      expiresAt: credential.expiresAt,
      sequence: 0,
      ...(user === undefined ? {} : { user }),
      ...(credential.grant === undefined ? {} : { grantId: credential.grant }),
      ...(credential.boundTo === undefined ? {} : { jkt: credential.boundTo }),
      ...(delegation?.rights === undefined ? {} : { rights: delegation.rights }),
      ...(delegation?.txn === undefined ? {} : { txn: delegation.txn }),
      ...(delegation?.rootClient === undefined ? {} : { rootClient: delegation.rootClient }),
    };
    const made = await delegate.spawn(
      { token, chain },
      {
        kind: 'subagent',
        key,
        resource: resources.defaultResource,
        ...(blueprint === undefined ? {} : { blueprint }),
        ...(purpose === undefined ? {} : { purpose }),
        ...(seconds === undefined ? {} : { lifeMs: seconds * SECOND_MS }),
        ...(read === undefined ? {} : { details: read.details }),
      },
    );
    if (!made.ok) return bad(`${made.problem}.`);
    const { agent, path, rights, txn, sequence } = made;
    const { clientId: rootClient } = rootClientOf(token);
    const issued = tokens.issue({
      agent,
      path,
      clientId: agent.id,
      audience: resources.defaultResource,
      scopes: deps.scopes,
      txn,
      sequence,
      jkt: key.thumbprint,
      notAfter: Math.min(agent.expiresAt, credential.expiresAt),
      ...(rights === undefined ? {} : { rights }),
      ...(user === undefined ? {} : { user }),
      ...(credential.grant === undefined ? {} : { grantId: credential.grant }),
      ...(rootClient === undefined ? {} : { rootClient }),
    });
    onEvent({
      kind: 'token.issued',
      agentId: agent.id,
      clientId: agent.id,
      token: issued.jti,
      resource: resources.defaultResource,
      remote: '',
      path,
      txn,
      ...(user === undefined ? {} : { user }),
    });
    return {
      ok: true,
      agentId: agent.id,
      token: issued.token,
      expiresIn: issued.expiresIn,
      agentExpiresAt: Math.floor(agent.expiresAt / SECOND_MS),
      details: rights?.details ?? [],
    };
  };
}
