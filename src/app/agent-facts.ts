import type { Identity } from '../identity/index.ts';
import type { AgentFacts } from '../policy/index.ts';
import { registeredAgents } from './ensure-agents.ts';

/** The registered agents as policy knows them. */
export function agentFactsOf(identity: Identity): readonly AgentFacts[] {
  return registeredAgents(identity).map((agent) => ({
    id: agent.id,
    name: agent.name,
    owner: agent.owners[0] ?? '',
    groups: agent.groups,
    ...(agent.blueprint === undefined ? {} : { blueprint: agent.blueprint }),
    ...(agent.environment === undefined ? {} : { environment: agent.environment }),
    ...(agent.riskTier === undefined ? {} : { riskTier: agent.riskTier }),
  }));
}
