import { createRequire } from 'node:module';
import type { Authorization, CedarRequest, EntitySnapshot, EntityUid } from '../cedar/index.ts';
import { refereeCase } from './cedar-json.ts';
import type { PoliciesById } from './worker-protocol.ts';

export type FallbackAuthorize = (
  policies: PoliciesById,
  mentioned: readonly EntityUid[],
  entities: EntitySnapshot,
  request: CedarRequest,
  effects: (id: string) => 'permit' | 'forbid',
) => Authorization;

type Cedar = typeof import('@cedar-policy/cedar-wasm/nodejs');
type Call = Parameters<Cedar['isAuthorized']>[0];

/**
 * Decides with cedar-wasm on the calling thread, a thousand times slower: for a policy version on which the compiled
 * evaluator was caught wrong. The policies have been parsed by the worker before, so they are known not to be too deep
 * for the module. Loads on first use. Whatever it cannot decide is aborted, which denies.
 */
export function createFallback(): FallbackAuthorize {
  let cedar: Cedar | undefined;
  return (policies, mentioned, entities, request, effects) => {
    try {
      cedar ??= createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as Cedar;
      const question = refereeCase(request, entities, mentioned);
      if (question === undefined) return aborted('the call has no exact form for cedar-wasm');
      const call = { ...question, policies: { staticPolicies: policies } };
      const answer = cedar.isAuthorized(call as unknown as Call);
      if (answer.type !== 'success') return aborted('cedar-wasm refused the question');
      const { decision, diagnostics } = answer.response;
      return {
        decision,
        reasons: [...diagnostics.reason].sort(),
        errors: diagnostics.errors.map(({ policyId }) => ({
          policyId,
          effect: effects(policyId),
          message: 'its condition cannot be evaluated for this call',
        })),
      };
    } catch {
      return aborted('cedar-wasm failed');
    }
  };
}

function aborted(why: string): Authorization {
  return { decision: 'deny', reasons: [], errors: [], aborted: why };
}
