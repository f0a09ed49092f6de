import type { AncestorSet } from './ancestor-set.ts';
import type { CompiledPolicy } from './compile-policy.ts';
import { DecisionAbort, PolicyFault } from './fault.ts';
import { Frame } from './frame.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { Authorization, CedarRequest, PolicyFailure, Snapshot } from './model.ts';
import { type IndexNode, isSplit } from './policy-index.ts';
import { matchesScope } from './scope.ts';
import type { EntityUid } from './values.ts';

export interface AuthorizeOptions {
  /** Work budget, see `CedarLimits.fuel`. */
  readonly fuel?: number;
}

/**
 * Cedar's decision: a satisfied forbid denies, else a satisfied permit allows, else deny. A policy that errs is
 * skipped and reported. Never throws: whatever goes wrong beyond that is a deny with `aborted`.
 */
export function authorize(
  snapshot: Snapshot,
  request: CedarRequest,
  options: AuthorizeOptions = {},
): Authorization {
  const found = new Findings();
  try {
    const frame = new Frame(snapshot.entities, request, options.fuel ?? DEFAULT_LIMITS.fuel);
    visit(snapshot.policies.index, frame, found);
    return found.conclude();
  } catch (error) {
    const aborted = error instanceof DecisionAbort ? error.message : 'the evaluator failed';
    return { decision: 'deny', reasons: NONE, errors: found.errors, aborted };
  }
}

const NONE: readonly never[] = Object.freeze([]);

class Findings {
  permits: string[] | undefined = undefined;
  forbids: string[] | undefined = undefined;
  errors: readonly PolicyFailure[] = NONE;
  #repeated: CompiledPolicy[] | undefined = undefined;

  /** False the second time a policy filed under several actions comes along. */
  first(policy: CompiledPolicy): boolean {
    if (this.#repeated === undefined) this.#repeated = [policy];
    else if (this.#repeated.includes(policy)) return false;
    else this.#repeated.push(policy);
    return true;
  }

  satisfied(policy: CompiledPolicy): void {
    if (policy.effect === 'permit') {
      if (this.permits === undefined) this.permits = [policy.id];
      else this.permits.push(policy.id);
    } else if (this.forbids === undefined) this.forbids = [policy.id];
    else this.forbids.push(policy.id);
  }

  erred(policy: CompiledPolicy, message: string): void {
    const failure: PolicyFailure = { policyId: policy.id, effect: policy.effect, message };
    if (this.errors === NONE) this.errors = [failure];
    else (this.errors as PolicyFailure[]).push(failure);
  }

  conclude(): Authorization {
    const { permits, forbids, errors } = this;
    if (forbids !== undefined) return { decision: 'deny', reasons: sorted(forbids), errors };
    if (permits !== undefined) return { decision: 'allow', reasons: sorted(permits), errors };
    return { decision: 'deny', reasons: NONE, errors };
  }
}

/** The order of the index depends on its history; the audit record must not. */
function sorted(ids: string[]): string[] {
  return ids.length > 1 ? ids.sort() : ids;
}

function visit(node: IndexNode, frame: Frame, found: Findings): void {
  if (!isSplit(node)) {
    const { policies, guards } = node;
    for (let i = 0; i < policies.length; i++) {
      const principal = guards[3 * i] ?? 0;
      const resource = guards[3 * i + 1] ?? 0;
      const action = guards[3 * i + 2] ?? 0;
      if (
        (principal & frame.principalMask) !== principal ||
        (resource & frame.resourceMask) !== resource ||
        (action & frame.actionMask) !== action
      ) {
        continue;
      }
      const policy = policies[i];
      if (policy !== undefined) consider(policy, frame, found);
    }
    return;
  }
  switch (node.dimension) {
    case 0:
      descend(node.children, frame.principal, frame.principalNode?.ancestors, frame, found);
      break;
    case 1:
      descend(node.children, frame.resource, frame.resourceNode?.ancestors, frame, found);
      break;
    default:
      descend(node.children, frame.action, frame.actionNode?.ancestors, frame, found);
      break;
  }
  visit(node.rest, frame, found);
}

function descend(
  children: { get(uid: EntityUid): IndexNode | undefined },
  uid: EntityUid,
  ancestors: AncestorSet | undefined,
  frame: Frame,
  found: Findings,
): void {
  const own = children.get(uid);
  if (own !== undefined) visit(own, frame, found);
  if (ancestors === undefined) return;
  const list = ancestors.list;
  for (let i = 0; i < list.length; i++) {
    const ancestor = list[i];
    const child = ancestor === undefined ? undefined : children.get(ancestor);
    if (child !== undefined) visit(child, frame, found);
  }
}

function consider(policy: CompiledPolicy, frame: Frame, found: Findings): void {
  if (
    !matchesScope(policy.principal, frame.principal, frame.principalNode) ||
    !matchesScope(policy.resource, frame.resource, frame.resourceNode) ||
    !matchesScope(policy.action, frame.action, frame.actionNode) ||
    (policy.repeated && !found.first(policy))
  ) {
    return;
  }
  try {
    const tests = policy.tests;
    for (let i = 0; i < tests.length; i++) if (tests[i]?.(frame) !== true) return;
    found.satisfied(policy);
  } catch (error) {
    if (!(error instanceof PolicyFault)) throw error;
    found.erred(policy, error.message);
  }
}
