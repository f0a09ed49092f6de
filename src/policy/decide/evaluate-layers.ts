import {
  type Authorization,
  authorize,
  type CedarRequest,
  type EntitySnapshot,
  type PolicySet,
} from '../cedar/index.ts';
import { PASS_ID, type PolicyLayer } from '../live/policy-layers.ts';
import type { Effect } from '../model.ts';

/** How one policy set answers; the compiled evaluator, or cedar-wasm after a difference. */
export type Authorize = (
  policies: PolicySet,
  entities: EntitySnapshot,
  request: CedarRequest,
) => Authorization;

export const compiledAuthorize: Authorize = (policies, entities, request) =>
  authorize({ policies, entities }, request);

export type OutcomeCode =
  | 'permitted'
  | 'forbidden'
  | 'no_permit'
  | 'approval_required'
  | 'policy_error';

export interface Outcome {
  readonly effect: Effect;
  readonly code: OutcomeCode;
  /** Ids of the policies that determine the effect. */
  readonly policies: readonly string[];
  readonly errors: readonly string[];
  /** For `policy_error`: what went wrong, in words without values. */
  readonly fault?: string;
  /** Ids of the permits when the effect is allow or hold: their obligations hold. */
  readonly permits: readonly string[];
}

const NONE: readonly string[] = [];

/**
 * Three outcomes from two Cedar decisions: the plain policies first, and only if they allow, the forbids that may be
 * lifted by an approval. A forbid that errs denies, though Cedar would skip it: it was written to protect.
 */
export function evaluateLayer(
  layer: PolicyLayer,
  entities: EntitySnapshot,
  request: CedarRequest,
  approved: boolean,
  ask: Authorize,
): Outcome {
  const hard = ask(layer.hard, entities, request);
  const errors = hard.errors.length === 0 ? NONE : hard.errors.map((failure) => failure.policyId);
  if (hard.aborted === undefined && hard.decision === 'deny' && hard.reasons.length > 0)
    return { effect: 'deny', code: 'forbidden', policies: hard.reasons, errors, permits: NONE };
  const fault = faultOf(hard);
  if (fault !== undefined) return faulty(fault, errors);
  if (hard.decision === 'deny')
    return { effect: 'deny', code: 'no_permit', policies: NONE, errors, permits: NONE };
  const permits = hard.reasons;
  if (layer.soft === undefined || approved)
    return { effect: 'allow', code: 'permitted', policies: permits, errors, permits };
  const soft = ask(layer.soft, entities, request);
  const softErrors = soft.errors.map((failure) => failure.policyId);
  const all = softErrors.length === 0 ? errors : [...errors, ...softErrors];
  const softFault = faultOf(soft);
  if (softFault !== undefined) return faulty(softFault, all);
  if (soft.decision === 'deny') {
    // Without a reason not even the pass policy held: not an approval question but a fault.
    if (soft.reasons.length === 0) return faulty({ message: 'no outcome', policies: NONE }, all);
    return {
      effect: 'hold',
      code: 'approval_required',
      policies: soft.reasons,
      errors: all,
      permits,
    };
  }
  if (!soft.reasons.includes(PASS_ID))
    return faulty({ message: 'no outcome', policies: NONE }, all);
  return { effect: 'allow', code: 'permitted', policies: permits, errors: all, permits };
}

interface Fault {
  readonly message: string;
  readonly policies: readonly string[];
}

function faultOf({ aborted, errors }: Authorization): Fault | undefined {
  if (aborted !== undefined) return { message: aborted, policies: NONE };
  const forbids = errors.filter((failure) => failure.effect === 'forbid');
  const first = forbids[0];
  if (first === undefined) return undefined;
  return { message: first.message, policies: forbids.map((failure) => failure.policyId) };
}

function faulty({ message, policies }: Fault, errors: readonly string[]): Outcome {
  return { effect: 'deny', code: 'policy_error', policies, errors, fault: message, permits: NONE };
}
