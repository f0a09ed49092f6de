import type { Agent, AgentKey, Identity } from '../../identity/index.ts';
import { AppError } from '../../kernel/index.ts';
import type { RouteOutput } from '../contract/index.ts';

type AgentView = RouteOutput<'agents.transition'>;

/** By name or id. Throws `IDENTITY_UNKNOWN_AGENT`. */
export function findAgent(identity: Pick<Identity, 'registry'>, named: string): Agent {
  const agent = identity.registry.byName(named) ?? identity.registry.get(named);
  if (agent === undefined)
    throw new AppError('IDENTITY_UNKNOWN_AGENT', {
      params: { agent: named.slice(0, 64).replace(/[^\w.-]/g, '?') },
    });
  return agent;
}

export function viewAgent(agent: Agent, keys: readonly AgentKey[], now: number): AgentView {
  return {
    id: agent.id,
    name: agent.name,
    state: agent.state,
    owners: [...agent.owners],
    purpose: agent.purpose,
    groups: [...agent.groups],
    environment: agent.environment ?? null,
    riskTier: agent.riskTier ?? null,
    blueprint: agent.blueprint ?? null,
    createdAt: agent.createdAt,
    expiresAt: agent.expiresAt,
    expired: agent.expiresAt <= now,
    version: agent.version,
    liveKeys: keys.filter(({ revokedAt }) => revokedAt === undefined).length,
  };
}

export function viewKey(key: AgentKey): RouteOutput<'keys.create'>['key'] {
  const { id, thumbprint, algorithm, createdAt, revokedAt } = key;
  return { id, thumbprint, algorithm, createdAt, revokedAt: revokedAt ?? null };
}
