import type { Actor, Agent, Identity } from '../identity/index.ts';
import { type Clock, DAY_MS } from '../kernel/index.ts';
import type { Config } from './config/sections.ts';

const BY: Actor = {
  user: 'configuration',
  channel: 'system',
  reason: 'declared in sallyport.yaml',
};
const LIFE_DAYS = 90;

/**
 * Registers and activates the agents of the configuration that aren't there yet, each with a key of its own. An agent that
 * somebody suspended, or that expired, stays so: a restart is no way around a human's decision.
 */
export async function ensureAgents(
  identity: Identity,
  config: Config,
  clock: Clock,
): Promise<readonly Agent[]> {
  const agents: Agent[] = [];
  for (const [name, entry] of Object.entries(config.agents)) {
    let agent = identity.registry.byName(name);
    if (agent === undefined) {
      agent = await identity.registry.register(factsOf(name, entry, clock), BY);
    }
    if (agent.state === 'staged') {
      if (identity.agentKeys.usable(agent.id).length === 0)
        await identity.agentKeys.generate(agent.id, BY);
      agent = await identity.registry.transition(agent.id, 'active', BY);
    }
    agents.push(agent);
  }
  return agents;
}

/** Whether `ensureAgents` would take the configuration; changes nothing. Throws `IDENTITY_INVALID`. */
export function checkAgents(identity: Identity, config: Config, clock: Clock): void {
  for (const [name, entry] of Object.entries(config.agents))
    if (identity.registry.byName(name) === undefined)
      identity.registry.check(factsOf(name, entry, clock));
}

function factsOf(name: string, entry: Config['agents'][string], clock: Clock) {
  return {
    name,
    owners: [entry.owner],
    purpose: entry.purpose,
    groups: entry.groups,
    expiresAt: clock.now() + LIFE_DAYS * DAY_MS,
    ...(entry.blueprint === undefined ? {} : { blueprint: entry.blueprint }),
    ...(entry.environment === undefined ? {} : { environment: entry.environment }),
    ...(entry.riskTier === undefined ? {} : { riskTier: entry.riskTier }),
  };
}

/** The agents that humans registered; instances and sub-agents are made by the agents themselves. */
export function registeredAgents(identity: Identity): readonly Agent[] {
  return identity.registry.list().filter((agent) => agent.kind === undefined);
}
