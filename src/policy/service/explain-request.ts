import { explain } from '../cedar/index.ts';
import { type DecideDeps, decideWith } from '../decide/decide.ts';
import { prepareRequest } from '../decide/prepare-request.ts';
import type { LivePolicies } from '../live/live-policies.ts';
import { PASS_ID } from '../live/policy-layers.ts';
import { NO_SERVER } from '../loader/validate-policies.ts';
import type { ActionRequest } from '../model.ts';
import type { PolicyExplanation } from './model.ts';

/** Policies told of each kind. */
const LIMIT = 10;

/** The decision of `decideWith`, with the policies behind it. Quotes values: for operators, not for agents. */
export function explainRequest(
  live: LivePolicies,
  request: ActionRequest,
  deps: DecideDeps,
): PolicyExplanation {
  const decision = decideWith(live, request, deps);
  const prepared = prepareRequest(live, deps.principal(live, request.agent), request);
  const layers = live.layers.get(request.server) ?? live.layers.get(NO_SERVER);
  if (!prepared.ok || layers === undefined) return { decision, holding: [], nearMisses: [] };
  const { entities, cedar } = prepared;
  const { hard, soft } = layers.enforced;
  const sets = soft === undefined ? [hard] : [hard, soft];
  const told = sets.map((policies) =>
    explain({ policies, entities }, cedar, { values: 'show', limit: LIMIT }),
  );
  return {
    decision,
    holding: told
      .flatMap(({ holding }) => holding)
      .filter(({ policyId }) => policyId !== PASS_ID)
      .map(({ policyId, effect, head, conditions }) => ({
        policy: policyId,
        effect,
        head,
        conditions: conditions.map(({ text, values }) => ({ text, values })),
      })),
    nearMisses: (told[0]?.nearMisses ?? []).map((miss) => ({
      policy: miss.policyId,
      failed: miss.failed,
      needs: miss.needs,
      error: miss.message,
      values: miss.values,
    })),
  };
}
