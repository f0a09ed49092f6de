import type { EntitySnapshot } from '../cedar/index.ts';
import {
  type CompiledPolicy,
  mayErrWhenValid,
  type PartialRequest,
  possiblePolicies,
} from '../cedar/index.ts';
import type { LivePolicies } from '../live/live-policies.ts';
import { PASS_ID, type ServerLayers } from '../live/policy-layers.ts';
import type { Effect } from '../model.ts';

/** What the satisfied and erring policies of a set add up to: these four bits make the outcome. */
const STOP = 1; // a plain forbid holds or errs
const PERMIT = 2;
const HOLD = 4; // a forbid with @approval holds
const FAULT = 8; // a forbid with @approval errs

/** The rules of `evaluateLayer` over those bits. */
export function effectOf(bits: number, approved: boolean): Effect {
  if ((bits & STOP) !== 0 || (bits & PERMIT) === 0) return 'deny';
  if (approved) return 'allow';
  if ((bits & FAULT) !== 0) return 'deny';
  return (bits & HOLD) !== 0 ? 'hold' : 'allow';
}

/** A policy whose contribution is not known. */
export interface Undecided {
  readonly policy: CompiledPolicy;
  readonly digest: string;
  readonly options: readonly number[];
}

/** What is known of a request's outcome when some of the request is not. */
export interface Contributions {
  /** Sum of the policies whose contribution is certain. */
  readonly certain: number;
  readonly decided: readonly { readonly id: string; readonly bit: number }[];
  readonly undecided: readonly Undecided[];
}

const errFree = new WeakMap<CompiledPolicy, boolean>();

/** Undefined when the work budget ran out: everything is possible. */
export function contributions(
  live: LivePolicies,
  server: string,
  layers: ServerLayers,
  entities: EntitySnapshot,
  request: PartialRequest,
): Contributions | undefined {
  const standings = live.standings.get(server);
  const neverErrs = (policy: CompiledPolicy): boolean => {
    // A forbid stays in force for tools it does not fit, and errs there.
    if (standings?.get(policy.id)?.state !== 'valid') return false;
    let known = errFree.get(policy);
    if (known === undefined) {
      known = !mayErrWhenValid(policy);
      errFree.set(policy, known);
    }
    return known;
  };
  const { hard, soft } = layers.enforced;
  let certain = 0;
  const decided: { id: string; bit: number }[] = [];
  const undecided: Undecided[] = [];
  for (const policies of soft === undefined ? [hard] : [hard, soft]) {
    const possible = possiblePolicies({ policies, entities }, request, neverErrs);
    if (possible === undefined) return undefined;
    for (const one of possible) {
      const { policy } = one;
      if (policy.id === PASS_ID) continue;
      const options = new Set<number>();
      const isSoft = policies === soft;
      if (policy.effect === 'permit') {
        if (one.mayHold) options.add(PERMIT);
        if (one.mayFail || one.mayErr) options.add(0);
      } else {
        if (one.mayHold) options.add(isSoft ? HOLD : STOP);
        if (one.mayErr) options.add(isSoft ? FAULT : STOP);
        if (one.mayFail) options.add(0);
      }
      const only = options.size === 1 ? [...options][0] : undefined;
      if (only === undefined) {
        const digest = live.policies.get(policy.id)?.digest ?? policy.id;
        undecided.push({ policy, digest, options: [...options] });
      } else if (only !== 0) {
        certain |= only;
        decided.push({ id: policy.id, bit: only });
      }
    }
  }
  return { certain, decided, undecided };
}

/** Every sum that the undecided policies may come to. At most sixteen. */
export function sumsOf(undecided: readonly Undecided[]): readonly number[] {
  let sums = new Set([0]);
  for (const { options } of undecided) {
    const next = new Set<number>();
    for (const sum of sums) for (const option of options) next.add(sum | option);
    sums = next;
  }
  return [...sums];
}

/** The effects that are possible, in no order. */
export function possibleEffects(given: Contributions, approved = false): Set<Effect> {
  return new Set(sumsOf(given.undecided).map((sum) => effectOf(given.certain | sum, approved)));
}

/** Ids of the decided policies that make `effect`. */
export function decidingIds(given: Contributions, effect: Effect): readonly string[] {
  const bits = effect === 'allow' ? PERMIT : effect === 'hold' ? HOLD : STOP | FAULT;
  return given.decided.filter(({ bit }) => (bit & bits) !== 0).map(({ id }) => id);
}
