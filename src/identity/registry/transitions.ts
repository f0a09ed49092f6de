import { AppError, DAY_MS } from '../../kernel/index.ts';
import type { Agent, AgentState } from '../model.ts';

/**
 * Which state may follow which. Quarantine leads back through `suspended` only: whoever releases an
 * agent after an incident does not also switch it on in the same step.
 */
const NEXT: Readonly<Record<AgentState, readonly AgentState[]>> = {
  staged: ['active', 'retired'],
  active: ['suspended', 'quarantined', 'under_review', 'retired'],
  under_review: ['active', 'suspended', 'quarantined', 'retired'],
  suspended: ['active', 'quarantined', 'retired'],
  quarantined: ['suspended', 'retired'],
  retired: [],
};

/** How long an agent whose owner left or whose attestation is overdue may still work. */
export const REVIEW_GRACE_MS = 7 * DAY_MS;

/**
 * The agent in its new state; the only place that writes `state`.
 * @throws AppError `IDENTITY_TRANSITION_REFUSED`, or `IDENTITY_EXPIRED` when an expired agent would
 * become active.
 */
export function transition(agent: Agent, to: AgentState, now: number): Agent {
  const allowed = NEXT[agent.state];
  if (!allowed.includes(to))
    throw new AppError('IDENTITY_TRANSITION_REFUSED', {
      params: {
        agent: agent.name,
        from: agent.state,
        to,
        allowed: allowed.join(', ') || 'nothing, this is final',
      },
    });
  if (to === 'active' && agent.expiresAt <= now)
    throw new AppError('IDENTITY_EXPIRED', { params: { agent: agent.name } });
  return { ...agent, state: to, stateSince: now, updatedAt: now, version: agent.version + 1 };
}

/** True when the change takes rights away: such changes apply first and are recorded second. */
export function isRestrictive(to: AgentState): boolean {
  return to !== 'active' && to !== 'staged';
}

/**
 * True when what was issued so far must not come back with the agent: whoever stops it may suspect that a token is in
 * other hands.
 */
export function endsCredentials(to: AgentState): boolean {
  return to === 'suspended' || to === 'quarantined';
}

/** Why this agent may neither get nor use tokens right now; undefined when it may. Nanoseconds. */
export function unusable(agent: Agent, now: number): string | undefined {
  switch (agent.state) {
    case 'active':
      break;
    case 'under_review':
      if (now >= (agent.stateSince ?? agent.createdAt) + REVIEW_GRACE_MS)
        return 'agent_review_overdue';
      break;
    default:
      return `agent_${agent.state}`;
  }
  return agent.expiresAt <= now ? 'agent_expired' : undefined;
}
