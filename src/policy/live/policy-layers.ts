import { type CompiledPolicy, PolicySet } from '../cedar/index.ts';
import type { LoadedPolicy } from '../loader/policy-source.ts';
import type { Standing } from '../loader/validate-policies.ts';

/** Policies of one server, cut by what their outcome means. */
export interface PolicyLayer {
  /** Permits and plain forbids: who may do it at all. */
  readonly hard: PolicySet;
  /** Forbids with `@approval`, each doubled by a permit-all so that "no forbid fires" is an allow. */
  readonly soft: PolicySet | undefined;
}

export interface ServerLayers {
  readonly enforced: PolicyLayer;
  /** With the policies in observe mode as well; undefined when there are none. */
  readonly observed: PolicyLayer | undefined;
}

/** Not a legal `@id`, so no author's policy can bear it. */
export const PASS_ID = ' pass';

/**
 * Chooses the policies that hold for one server. A permit needs to be valid for the server. A forbid always holds,
 * valid or not: when it no longer type-checks it errs, and an erring forbid denies.
 */
export function layersFor(
  policies: readonly LoadedPolicy[],
  standings: ReadonlyMap<string, Standing>,
  pass: CompiledPolicy,
): ServerLayers {
  const live = policies.filter((policy) => holds(policy, standings.get(policy.id)));
  const enforced = live.filter((policy) => policy.annotations.mode === 'enforce');
  const observing = live.some((policy) => policy.annotations.mode === 'observe');
  return {
    enforced: layer(enforced, pass),
    observed: observing ? layer(live, pass) : undefined,
  };
}

function holds(policy: LoadedPolicy, standing: Standing | undefined): boolean {
  if (policy.annotations.mode === 'off') return false;
  return policy.compiled.effect === 'forbid' || standing?.state === 'valid';
}

function layer(policies: readonly LoadedPolicy[], pass: CompiledPolicy): PolicyLayer {
  const soft = policies.filter((policy) => policy.annotations.approval !== undefined);
  const hard = policies.filter((policy) => policy.annotations.approval === undefined);
  return {
    hard: setOf(hard.map((policy) => policy.compiled)),
    soft: soft.length === 0 ? undefined : setOf([pass, ...soft.map((policy) => policy.compiled)]),
  };
}

function setOf(put: readonly CompiledPolicy[]): PolicySet {
  const built = PolicySet.empty.with({ put });
  // The loader refuses duplicates and too many policies; half a set must never decide.
  if (!built.ok) throw new Error(`policy set: ${built.error.problem}`);
  return built.value;
}
