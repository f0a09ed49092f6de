import { type Agent, type Delegation, mayCallTool, type Principal } from '../../identity/index.ts';
import type { ActionKind, AgentFacts, Decision, PolicyDecisionPoint } from '../../policy/index.ts';
import { denied } from './call-context.ts';

/** Reason code of everything that a chain's rights don't cover. */
export const OUTSIDE_DELEGATION = 'outside_delegation';

const byPrincipal = new WeakMap<Principal, AgentFacts>();
const byAgent = new WeakMap<Agent, AgentFacts>();
const delegations = new WeakMap<AgentFacts, Delegation>();

function factsOf(agent: Agent): AgentFacts {
  return {
    id: agent.id,
    name: agent.name,
    owner: agent.owners[0] ?? '',
    groups: agent.groups,
    ...(agent.blueprint === undefined ? {} : { blueprint: agent.blueprint }),
    ...(agent.environment === undefined ? {} : { environment: agent.environment }),
    ...(agent.riskTier === undefined ? {} : { riskTier: agent.riskTier }),
  };
}

/**
 * What policy knows of the caller; computed once per token, not per call. An instance or sub-agent has no policies of its
 * own: it is decided as the registered agent it came from, and `delegatedPolicy` adds what its chain bounds.
 */
export function agentFacts(principal: Principal): AgentFacts {
  let known = byPrincipal.get(principal);
  if (known === undefined) {
    const { delegation } = principal;
    known = factsOf(delegation?.agents.at(-1) ?? principal.agent);
    byPrincipal.set(principal, known);
    if (delegation !== undefined) delegations.set(known, delegation);
  }
  return known;
}

function ancestorFacts({ agents }: Delegation): readonly AgentFacts[] {
  return agents.slice(0, -1).map((agent) => {
    let known = byAgent.get(agent);
    if (known === undefined) {
      known = factsOf(agent);
      byAgent.set(agent, known);
    }
    return known;
  });
}

/**
 * Policy with the bounds of a chain: whatever is asked for a caller of `agentFacts` must be allowed to every registered
 * agent of its path, and be within the chain's rights. Tool calls are the exception that `check-delegation` completes: it
 * compares their arguments and counts them.
 */
export function delegatedPolicy(policy: PolicyDecisionPoint): PolicyDecisionPoint {
  return {
    decide(request) {
      const decision = policy.decide(request);
      const delegation = delegations.get(request.agent);
      if (delegation === undefined || decision.effect === 'deny') return decision;
      if (!kindWithin(delegation, request.server, request.kind))
        return outside('the delegation covers tools only, and none of this kind here.', policy);
      // The strictest answer of the chain holds: a deny ends it, and a hold stays a hold.
      let strictest: Decision = decision;
      for (const agent of ancestorFacts(delegation)) {
        const above = policy.decide({ ...request, agent });
        if (above.effect === 'deny') return above;
        if (above.effect === 'hold' && strictest.effect === 'allow') strictest = above;
      }
      return strictest;
    },
    mayUse(agent, server, kind, target) {
      const delegation = delegations.get(agent);
      if (delegation !== undefined) {
        const { rights } = delegation;
        if (rights !== undefined && kind === 'tool' && !mayCallTool(rights, server, target))
          return false;
        if (!kindWithin(delegation, server, kind)) return false;
        for (const above of ancestorFacts(delegation))
          if (!policy.mayUse(above, server, kind, target)) return false;
      }
      return policy.mayUse(agent, server, kind, target);
    },
    setTools: (server, tools) => policy.setTools(server, tools),
    version: () => policy.version(),
    onChange: (listener) => policy.onChange(listener),
  };
}

/** Rights name tools. What belongs to using the tools of a server comes with them; its other offers do not. */
function kindWithin({ rights }: Delegation, server: string, kind: ActionKind): boolean {
  if (rights === undefined) return true;
  switch (kind) {
    case 'tool':
      return true; // check-delegation, and `mayCallTool` for lists
    case 'list':
    case 'listen':
    case 'task':
    case 'sampling':
    case 'elicitation':
    case 'roots':
      return rights.details.some((detail) => detail.server === server && detail.use);
    default:
      return false;
  }
}

function outside(message: string, policy: PolicyDecisionPoint): Decision {
  return denied(OUTSIDE_DELEGATION, message, policy.version());
}

/** What a record says of the chain; empty for a caller without one. Ids and names, no rights. */
export function chainDetail(principal: Principal): Readonly<Record<string, unknown>> {
  const { delegation, path } = principal;
  if (delegation === undefined) return {};
  const { names, txn, agents } = delegation;
  return {
    path,
    ...(path.length === 1 ? {} : { chain: names, decidedAs: agents.at(-1)?.name ?? '' }),
    ...(txn === undefined ? {} : { txn }),
  };
}

const decidedFactsOf = new WeakMap<AgentFacts, Readonly<Record<string, unknown>>>();

/** The facts of an agent that policy decides by and a record does not hold otherwise. */
export function decidedFacts(agent: AgentFacts): Readonly<Record<string, unknown>> {
  let known = decidedFactsOf.get(agent);
  if (known === undefined) {
    const { groups = [], blueprint, environment, riskTier } = agent;
    known = {
      ...(groups.length === 0 ? {} : { groups }),
      ...(blueprint === undefined ? {} : { blueprint }),
      ...(environment === undefined ? {} : { environment }),
      ...(riskTier === undefined ? {} : { riskTier }),
    };
    decidedFactsOf.set(agent, known);
  }
  return known;
}
