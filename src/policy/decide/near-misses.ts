import { explain } from '../cedar/index.ts';
import type { ReasonContext } from './reasons-for.ts';

export interface NearMissText {
  readonly policy: string;
  /** Cedar-like text of the first thing that did not hold; constants of the policy, never values of the call. */
  readonly condition: string;
}

const MAX_CONDITION = 240;

/**
 * Permits that are about this agent, action and resource, and whose conditions failed. Permits for others are left
 * out: an agent is not to learn whom else to be.
 */
export function nearMisses(
  { layers, prepared }: Pick<ReasonContext, 'layers' | 'prepared'>,
  limit: number,
): readonly NearMissText[] {
  const policies = layers.enforced.hard;
  const { entities, cedar } = prepared;
  const told = explain({ policies, entities }, cedar, {
    values: 'hide',
    limit,
    fitting: true,
  });
  return told.nearMisses
    .filter(({ failed }) => failed === 'condition')
    .map(({ policyId, needs }) => ({
      policy: policyId,
      condition: needs.length > MAX_CONDITION ? `${needs.slice(0, MAX_CONDITION)}…` : needs,
    }));
}
