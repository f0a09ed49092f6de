import type { Principal } from '../../identity/index.ts';

/**
 * Who owns sealed state: agent, end user and the whole delegation path. Another token of the same principal is the same
 * owner; a sub-agent or another user is not.
 */
export function ownerKey(principal: Principal): string {
  return JSON.stringify([principal.agent.id, principal.user ?? null, principal.path]);
}
