import type { CedarRequest, EntitySnapshot, EntityUid, PolicySet } from '../cedar/index.ts';
import { EntityUid as Uid } from '../cedar/index.ts';
import { type Authorize, compiledAuthorize } from '../decide/evaluate-layers.ts';
import { createFallback } from '../host/create-fallback.ts';
import type { DecidedCase } from '../host/create-referee.ts';
import type { PoliciesById } from '../host/worker-protocol.ts';
import type { LivePolicies } from '../live/live-policies.ts';
import { PASS_ID } from '../live/policy-layers.ts';
import { mentionsOf } from '../loader/mentions.ts';

interface SetTexts {
  readonly policies: PoliciesById;
  readonly mentioned: readonly EntityUid[];
}

export const PASS_TEXT = 'permit(principal, action, resource);';

/** Chooses who decides: the compiled evaluator, or cedar-wasm for a version on which the former was caught wrong. */
export interface EngineSwitch {
  for(live: LivePolicies): Authorize;
  distrust(version: string): void;
  distrusts(version: string): boolean;
  /** The case that the referee needs, decided once more by the compiled evaluator. */
  decidedCase(
    live: LivePolicies,
    policies: PolicySet,
    entities: EntitySnapshot,
    request: CedarRequest,
  ): DecidedCase;
}

export function createEngineSwitch(compiled: Authorize = compiledAuthorize): EngineSwitch {
  const fallback = createFallback();
  const distrusted = new Set<string>();
  const texts = new WeakMap<PolicySet, SetTexts>();

  const textsOf = (live: LivePolicies, set: PolicySet): SetTexts => {
    let known = texts.get(set);
    if (known === undefined) {
      known = collect(live, set);
      texts.set(set, known);
    }
    return known;
  };

  return {
    for(live) {
      if (!distrusted.has(live.version)) return compiled;
      return (set, entities, request) => {
        const { policies, mentioned } = textsOf(live, set);
        const effectOf = (id: string): 'permit' | 'forbid' => set.get(id)?.effect ?? 'forbid';
        return fallback(policies, mentioned, entities, request, effectOf);
      };
    },
    distrust: (version) => void distrusted.add(version),
    distrusts: (version) => distrusted.has(version),
    decidedCase(live, set, entities, request) {
      const { policies, mentioned } = textsOf(live, set);
      const answer = compiled(set, entities, request);
      return { policyVersion: live.version, policies, mentioned, request, entities, answer };
    },
  };
}

function collect(live: LivePolicies, set: PolicySet): SetTexts {
  const policies: Record<string, string> = Object.create(null);
  const mentioned: EntityUid[] = [];
  for (const { id } of set.policies()) {
    const policy = live.policies.get(id);
    policies[id] = id === PASS_ID ? PASS_TEXT : (policy?.text ?? '');
    for (const [type, name] of mentionsOf(policy?.est).entities)
      mentioned.push(new Uid(type, name));
  }
  return { policies, mentioned };
}
