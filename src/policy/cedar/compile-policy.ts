import { err, ok, type Result } from '../../kernel/index.ts';
import type { Condition, PolicyAst, Scope, SlotScope } from './ast.ts';
import { compileTest, type Test } from './compile-expression.ts';
import { EstRefusal } from './est-reader.ts';
import { type CedarLimits, DEFAULT_LIMITS } from './limits.ts';
import type { PolicyEffect, Problem } from './model.ts';
import { readPolicy } from './read-policy.ts';
import { scopeKeys } from './scope.ts';
import type { EntityUid } from './values.ts';

/** A policy ready to be evaluated. Immutable; may be in any number of policy sets. */
export interface CompiledPolicy {
  readonly id: string;
  readonly effect: PolicyEffect;
  /** `@name("value")`; without prototype. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly principal: Scope;
  readonly action: Scope;
  readonly resource: Scope;
  /** All must hold. `unless` is negated already. */
  readonly tests: readonly Test[];
  /** What the tests were compiled from, for explanation and partial evaluation. */
  readonly conditions: readonly Condition[];
  /** Filed under several actions, so a request may meet it twice. */
  readonly repeated: boolean;
  /** The template it is linked from. */
  readonly template?: string;
}

export interface CompiledTemplate {
  readonly id: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly slots: { readonly principal: boolean; readonly resource: boolean };
  readonly ast: PolicyAst<Scope | SlotScope>;
  readonly tests: readonly Test[];
}

/**
 * Compiles a static policy from Cedar's JSON format (`policyToJson`). Refuses templates, unknown operators, more
 * nodes than the limit, and integers that JSON has rounded or may have.
 */
export function compilePolicy(
  id: string,
  est: unknown,
  limits: CedarLimits = DEFAULT_LIMITS,
): Result<CompiledPolicy, Problem> {
  const ast = load(est, limits);
  if (!ast.ok) return ast;
  const { principal, resource } = ast.value;
  if (isSlotScope(principal) || isSlotScope(resource)) {
    return err({ at: '', problem: 'the policy is a template and needs a link' });
  }
  return ok(policyOf(id, { ...ast.value, principal, resource }, testsOf(ast.value.conditions)));
}

/** Compiles a template (`templateToJson`). Its conditions are compiled once for all links. */
export function compileTemplate(
  id: string,
  est: unknown,
  limits: CedarLimits = DEFAULT_LIMITS,
): Result<CompiledTemplate, Problem> {
  const ast = load(est, limits);
  if (!ast.ok) return ast;
  const slots = {
    principal: isSlotScope(ast.value.principal),
    resource: isSlotScope(ast.value.resource),
  };
  if (!slots.principal && !slots.resource)
    return err({ at: '', problem: 'the policy has no slot to fill' });
  const { annotations, conditions } = ast.value;
  return ok({ id, annotations, slots, ast: ast.value, tests: testsOf(conditions) });
}

/** A policy from a template. Exactly the template's slots must be given, as Cedar demands. */
export function linkTemplate(
  template: CompiledTemplate,
  id: string,
  values: { readonly principal?: EntityUid; readonly resource?: EntityUid },
): Result<CompiledPolicy, Problem> {
  const { slots, ast } = template;
  for (const name of ['principal', 'resource'] as const) {
    if (slots[name] !== (values[name] !== undefined)) {
      return err({
        at: `?${name}`,
        problem: slots[name] ? 'the slot is not filled' : 'the template has no such slot',
      });
    }
  }
  const principal = filled(ast.principal, values.principal);
  const resource = filled(ast.resource, values.resource);
  const policy = policyOf(id, { ...ast, principal, resource }, template.tests);
  return ok({ ...policy, template: template.id });
}

function load(est: unknown, limits: CedarLimits): Result<PolicyAst<Scope | SlotScope>, Problem> {
  try {
    return ok(readPolicy(est, limits));
  } catch (error) {
    if (error instanceof EstRefusal) return err({ at: error.at, problem: error.problem });
    throw error;
  }
}

function policyOf(id: string, ast: PolicyAst, tests: readonly Test[]): CompiledPolicy {
  const { effect, annotations, principal, action, resource, conditions } = ast;
  const repeated = (scopeKeys(action)?.length ?? 1) > 1;
  return { id, effect, annotations, principal, action, resource, tests, conditions, repeated };
}

function testsOf(conditions: readonly Condition[]): Test[] {
  return conditions.map((condition) => {
    const body = compileTest(condition.body);
    return condition.kind === 'when' ? body : (frame) => !body(frame);
  });
}

function isSlotScope(scope: Scope | SlotScope): scope is SlotScope {
  return scope.op === 'eq-slot' || scope.op === 'in-slot' || scope.op === 'is-slot';
}

function filled(scope: Scope | SlotScope, value: EntityUid | undefined): Scope {
  if (!isSlotScope(scope)) return scope;
  // linkTemplate has checked that every slot has a value; a missing one must match nothing.
  if (value === undefined) return { op: 'in', roots: [] };
  switch (scope.op) {
    case 'eq-slot':
      return { op: 'eq', uid: value };
    case 'in-slot':
      return { op: 'in', roots: [value] };
    case 'is-slot':
      return { op: 'is', type: scope.type, root: value };
  }
}
