import type { CompiledPolicy } from './compile-policy.ts';
import { authorize } from './evaluate.ts';
import { Frame } from './frame.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { Authorization, CedarRequest, PolicyEffect, Snapshot } from './model.ts';
import { relevant } from './partial.ts';
import { DIMENSIONS } from './policy-index.ts';
import { renderScope, renderUid } from './render.ts';
import { matchesScope } from './scope.ts';
import { type TraceValue, traceFailure, traceSuccess, type ValuePolicy } from './trace.ts';

export interface ExplainOptions {
  /**
   * What to tell of the values a condition read. `hide` gives names only. A function decides per path and gets the
   * rendered value; undefined hides it. Default `hide`: arguments may hold secrets.
   */
  readonly values?: ValuePolicy;
  /** How many near misses and how many holding policies to tell. Default 5. */
  readonly limit?: number;
  /** Near misses whose head fits only: found by the index, so that they cost the same in a large set. */
  readonly fitting?: boolean;
}

/** A permit that would have allowed, but for one thing. */
export interface NearMiss {
  readonly policyId: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** The part of the head that does not match, or `condition`. */
  readonly failed: 'principal' | 'action' | 'resource' | 'condition';
  /** What would have to hold, as Cedar-like text. Conjuncts after it were not reached. */
  readonly needs: string;
  /** `false`, or the policy erred there. */
  readonly outcome: 'false' | 'error';
  readonly message?: string;
  readonly values: readonly TraceValue[];
}

/** A determining policy and why it applies. */
export interface Holding {
  readonly policyId: string;
  readonly effect: PolicyEffect;
  readonly annotations: Readonly<Record<string, string>>;
  readonly head: string;
  /** The conjuncts that held, in order. Empty: the head alone was enough. */
  readonly conditions: readonly { readonly text: string; readonly values: readonly TraceValue[] }[];
}

export interface Explanation extends Authorization {
  /** Satisfied forbids of a deny, or satisfied permits of an allow. */
  readonly holding: readonly Holding[];
  /** Of a deny without forbid: nearest first, conditions before heads. Empty otherwise. */
  readonly nearMisses: readonly NearMiss[];
}

/**
 * Decides as `authorize` does and says why. Off the hot path: looks at the head of every policy (unless `fitting`) and
 * traces the conditions of up to 500. Never throws for anything a
 * policy or a request can contain.
 */
export function explain(
  snapshot: Snapshot,
  request: CedarRequest,
  options: ExplainOptions = {},
): Explanation {
  const decision = authorize(snapshot, request);
  const limit = options.limit ?? 5;
  const values = options.values ?? 'hide';
  const frame = new Frame(snapshot.entities, request, 10 * DEFAULT_LIMITS.fuel);
  const holding: Holding[] = [];
  for (const id of decision.reasons.slice(0, limit)) {
    const policy = snapshot.policies.get(id);
    if (policy !== undefined) holding.push(describe(policy, frame, values));
  }
  const nothingPermitted =
    decision.decision === 'deny' && decision.reasons.length === 0 && decision.aborted === undefined;
  const { policies, entities } = snapshot;
  const looked =
    options.fitting === true
      ? relevant(policies.index, { entities, ...request })
      : policies.policies();
  const nearMisses = nothingPermitted ? findNearMisses(looked, frame, values, limit) : [];
  return { ...decision, holding, nearMisses };
}

function describe(policy: CompiledPolicy, frame: Frame, values: ValuePolicy): Holding {
  const { id: policyId, effect, annotations } = policy;
  const head = DIMENSIONS.map((name) => renderScope(name, policy[name])).join(', ');
  return {
    policyId,
    effect,
    annotations,
    head,
    conditions: traceSuccess(policy.conditions, frame, values),
  };
}

/** Tracing compiles conditions anew; a large set of policies must not turn one denial into a long pause. */
const MOST_TRACES = 500;

function findNearMisses(
  looked: Iterable<CompiledPolicy>,
  frame: Frame,
  values: ValuePolicy,
  limit: number,
): NearMiss[] {
  const conditions: NearMiss[] = [];
  const heads: NearMiss[] = [];
  let traces = 0;
  const repeated = new Set<string>();
  for (const policy of looked) {
    if (conditions.length >= limit || traces >= MOST_TRACES) break;
    if (policy.effect !== 'permit' || repeated.has(policy.id)) continue;
    if (policy.repeated) repeated.add(policy.id);
    const missed = DIMENSIONS.filter((name) => !matches(policy, name, frame));
    const only = missed[0];
    if (missed.length <= 1) traces++;
    if (only === undefined) {
      const failure = traceFailure(policy.conditions, frame, values);
      if (failure !== undefined)
        conditions.push({ ...named(policy), failed: 'condition', ...failure });
    } else if (
      missed.length === 1 &&
      heads.length < limit &&
      traceFailure(policy.conditions, frame, values) === undefined
    ) {
      const is = { path: only, value: values === 'hide' ? undefined : renderUid(frame[only]) };
      heads.push({
        ...named(policy),
        failed: only,
        needs: renderScope(only, policy[only]),
        outcome: 'false',
        values: [is],
      });
    }
  }
  return [...conditions, ...heads].slice(0, limit);
}

function named(policy: CompiledPolicy): Pick<NearMiss, 'policyId' | 'annotations'> {
  return { policyId: policy.id, annotations: policy.annotations };
}

function matches(policy: CompiledPolicy, name: (typeof DIMENSIONS)[number], frame: Frame): boolean {
  switch (name) {
    case 'principal':
      return matchesScope(policy.principal, frame.principal, frame.principalNode);
    case 'action':
      return matchesScope(policy.action, frame.action, frame.actionNode);
    case 'resource':
      return matchesScope(policy.resource, frame.resource, frame.resourceNode);
  }
}
