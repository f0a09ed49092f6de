import type { EntityInput, EntitySnapshot } from '../cedar/index.ts';
import type { LivePolicies } from '../live/live-policies.ts';
import { agentEntities, changed } from '../live/resident-entities.ts';
import type { AgentFacts } from '../model.ts';

/** The entities as they are with this agent in them. */
export type PrincipalEntities = (live: LivePolicies, agent: AgentFacts) => EntitySnapshot;

/**
 * The facts of a request win over resident ones, since they are the newer. Remembered per facts object (the caller
 * keeps one per token), so that a decision normally costs one look-up. The memory is weak.
 */
export function createPrincipalEntities(): PrincipalEntities {
  const known = new WeakMap<AgentFacts, { base: EntitySnapshot; entities: EntitySnapshot }>();
  return (live, agent) => {
    const base = live.entities;
    const hit = known.get(agent);
    if (hit !== undefined && hit.base === base) return hit.entities;
    const resident = live.agents.get(agent.name);
    const entities =
      resident === agent || (resident !== undefined && sameFacts(resident, agent))
        ? base
        : withAgent(base, agent);
    known.set(agent, { base, entities });
    return entities;
  };
}

function withAgent(base: EntitySnapshot, agent: AgentFacts): EntitySnapshot {
  const isNew = (one: EntityInput): boolean =>
    one.uid.type === 'Agent' || base.find(one.uid) === undefined;
  return changed(base, agentEntities(agent).filter(isNew));
}

function sameFacts(a: AgentFacts, b: AgentFacts): boolean {
  const groups = (facts: AgentFacts): string => JSON.stringify([...(facts.groups ?? [])].sort());
  return (
    a.id === b.id &&
    a.name === b.name &&
    a.owner === b.owner &&
    a.blueprint === b.blueprint &&
    a.environment === b.environment &&
    a.riskTier === b.riskTier &&
    groups(a) === groups(b)
  );
}
