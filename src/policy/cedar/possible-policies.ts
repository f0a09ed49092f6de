import type { Expr } from './ast.ts';
import type { CompiledPolicy } from './compile-policy.ts';
import type { EntitySnapshot } from './entity-snapshot.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { CedarRequest, Snapshot } from './model.ts';
import { type PartialRequest, relevant, scopeMay, UnknownWorld } from './partial.ts';
import { evaluatePartially } from './partial-evaluate.ts';
import { asBoolean, ERROR, FALSE, TRUE } from './partial-value.ts';
import { DIMENSIONS } from './policy-index.ts';
import { matchesScope } from './scope.ts';
import { type Demand, demandsOf, demandText } from './trace.ts';

/** What one policy may come to for some completion of what is not known. */
export interface PossiblePolicy {
  readonly policy: CompiledPolicy;
  readonly mayHold: boolean;
  readonly mayFail: boolean;
  readonly mayErr: boolean;
}

const FUEL = 10 * DEFAULT_LIMITS.fuel;

/**
 * The policies that may hold or err; those that surely fail are left out. Sound: what a policy really comes to is
 * among its possibilities. A policy that cannot err for a reason known beforehand (it was validated and contains
 * nothing that overflows or parses) may be said not to with `neverErrs`.
 *
 * Undefined when the work budget ran out, which says nothing about the outcome.
 */
export function possiblePolicies(
  snapshot: Snapshot,
  request: PartialRequest,
  neverErrs: (policy: CompiledPolicy) => boolean = () => false,
): readonly PossiblePolicy[] | undefined {
  const world = new UnknownWorld(snapshot.entities, request, FUEL);
  const out: PossiblePolicy[] = [];
  const seen = new Set<string>();
  try {
    for (const policy of relevant(snapshot.policies.index, world)) {
      if (policy.repeated) {
        if (seen.has(policy.id)) continue;
        seen.add(policy.id);
      }
      let may = outcomes(policy, world);
      if ((may & ERROR) !== 0 && may !== ERROR && neverErrs(policy)) may &= ~ERROR;
      if ((may & (TRUE | ERROR)) === 0) continue;
      out.push({
        policy,
        mayHold: (may & TRUE) !== 0,
        mayFail: (may & FALSE) !== 0,
        mayErr: (may & ERROR) !== 0,
      });
    }
    return out;
  } catch {
    return undefined;
  }
}

/** TRUE, FALSE and ERROR in any combination; conditions are read from left to right and stop at the first that fails. */
function outcomes(policy: CompiledPolicy, world: UnknownWorld): number {
  let out = 0;
  for (const name of DIMENSIONS) {
    const may = scopeMay(policy[name], world[name], world);
    out |= may & FALSE;
    if ((may & TRUE) === 0) return out;
  }
  for (const condition of policy.conditions) {
    const body = asBoolean(evaluatePartially(condition.body, world));
    const wanted = condition.kind === 'when' ? TRUE : FALSE;
    out |= body & ERROR;
    if ((body & (TRUE | FALSE) & ~wanted) !== 0) out |= FALSE;
    if ((body & wanted) === 0) return out;
  }
  return out | TRUE;
}

type HeadRequest = Pick<CedarRequest, (typeof DIMENSIONS)[number]>;

/** Whether a policy's head fits; if not, no context makes it matter. */
export function fits(
  policy: CompiledPolicy,
  entities: EntitySnapshot,
  request: HeadRequest,
): boolean {
  return DIMENSIONS.every((name) =>
    matchesScope(policy[name], request[name], entities.find(request[name])),
  );
}

/** The policies whose head fits, each once: all that can matter to a request about these three, whatever its context. */
export function fittingPolicies(
  { policies, entities }: Snapshot,
  request: HeadRequest,
): readonly CompiledPolicy[] {
  const fitting = new Map<string, CompiledPolicy>();
  for (const policy of relevant(policies.index, { entities, ...request }))
    if (fits(policy, entities, request)) fitting.set(policy.id, policy);
  return [...fitting.values()];
}

const MOST_PARTS = 20;

/** The parts of a policy's conditions that are not known to be met, as text: what its outcome hangs on. */
export function undecidedParts(
  policy: CompiledPolicy,
  snapshot: Snapshot,
  request: PartialRequest,
): readonly string[] {
  const world = new UnknownWorld(snapshot.entities, request, FUEL);
  const parts: string[] = [];
  for (const demand of demandsOf(policy.conditions)) {
    if (parts.length === MOST_PARTS) return [...parts, '…'];
    if (!surelyMet(demand, world)) parts.push(demandText(demand));
  }
  return parts;
}

function surelyMet(demand: Demand, world: UnknownWorld): boolean {
  try {
    return asBoolean(evaluatePartially(demand.expr, world)) === (demand.wanted ? TRUE : FALSE);
  } catch {
    return false;
  }
}

/** Whether evaluation may err although the policy was strictly validated: arithmetic overflows, texts do not parse. */
export function mayErrWhenValid(policy: CompiledPolicy): boolean {
  return policy.conditions.some((condition) => contains(condition.body));
}

/** Constructors are not among them: valid policies give them literals, which were parsed when the policy was loaded. */
const OVERFLOWS: ReadonlySet<string> = new Set(['offset', 'durationSince', 'toDate']);

function contains(expr: Expr): boolean {
  switch (expr.op) {
    case 'literal':
    case 'variable':
      return false;
    case 'negate':
      return true;
    case 'call':
      return OVERFLOWS.has(expr.name) || expr.args.some(contains);
    case 'binary':
      return (
        expr.operator === '+' ||
        expr.operator === '-' ||
        expr.operator === '*' ||
        expr.operator === 'getTag' ||
        contains(expr.left) ||
        contains(expr.right)
      );
    case 'and':
    case 'or':
    case 'set':
      return expr.items.some(contains);
    case 'record':
      return expr.fields.some(([, value]) => contains(value));
    case 'if':
      return contains(expr.test) || contains(expr.yes) || contains(expr.no);
    default:
      return contains(expr.of);
  }
}
