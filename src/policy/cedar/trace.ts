import type { Condition, Expr } from './ast.ts';
import { compileExpression, compileTest } from './compile-expression.ts';
import { DecisionAbort, PolicyFault } from './fault.ts';
import type { Frame } from './frame.ts';
import { renderExpression, renderValue } from './render.ts';

export type ValuePolicy = 'show' | 'hide' | ((path: string, value: string) => string | undefined);

/** Something a condition read. */
export interface TraceValue {
  /** `context.session.risk` */
  readonly path: string;
  /** Rendered and cut; undefined when it is hidden or does not exist. */
  readonly value: string | undefined;
}

export interface Failure {
  readonly needs: string;
  readonly outcome: 'false' | 'error';
  readonly message?: string;
  readonly values: readonly TraceValue[];
}

/** A piece of the conditions that must be `wanted`. */
export interface Demand {
  readonly expr: Expr;
  readonly wanted: boolean;
}

/** The first demand that is not met; undefined when all are. */
export function traceFailure(
  conditions: readonly Condition[],
  frame: Frame,
  policy: ValuePolicy,
): Failure | undefined {
  for (const demand of demandsOf(conditions)) {
    const met = attempt(demand, frame);
    if (met === true) continue;
    const outcome = met === false ? 'false' : 'error';
    const values = readValues(demand.expr, frame, policy);
    const failure: Failure = { needs: demandText(demand), outcome, values };
    return met === false ? failure : { ...failure, message: met };
  }
  return undefined;
}

/** Every demand with what it read. The caller knows that they are met. */
export function traceSuccess(
  conditions: readonly Condition[],
  frame: Frame,
  policy: ValuePolicy,
): { text: string; values: readonly TraceValue[] }[] {
  return demandsOf(conditions).map((demand) => ({
    text: demandText(demand),
    values: readValues(demand.expr, frame, policy),
  }));
}

/** `when` splits at `&&`; `unless` at `||`, and each part must be false; a negation turns the one into the other. */
export function demandsOf(conditions: readonly Condition[]): Demand[] {
  return conditions.flatMap((condition) => split(condition.body, condition.kind === 'when'));
}

function split(expr: Expr, wanted: boolean): Demand[] {
  if (expr.op === 'not') return split(expr.of, !wanted);
  if (expr.op === (wanted ? 'and' : 'or')) return expr.items.flatMap((item) => split(item, wanted));
  return [{ expr, wanted }];
}

export function demandText(demand: Demand): string {
  return renderExpression(demand.wanted ? demand.expr : { op: 'not', of: demand.expr });
}

function attempt(demand: Demand, frame: Frame): boolean | string {
  try {
    return compileTest(demand.expr)(frame) === demand.wanted;
  } catch (error) {
    if (error instanceof PolicyFault || error instanceof DecisionAbort) return error.message;
    throw error;
  }
}

const MOST_VALUES = 20;

function readValues(expr: Expr, frame: Frame, policy: ValuePolicy): TraceValue[] {
  const paths = new Map<string, Expr>();
  collectPaths(expr, paths);
  return [...paths]
    .slice(0, MOST_VALUES)
    .map(([path, read]) => ({ path, value: valueAt(path, read, frame, policy) }));
}

function valueAt(path: string, expr: Expr, frame: Frame, policy: ValuePolicy): string | undefined {
  if (policy === 'hide') return undefined;
  try {
    const value = renderValue(compileExpression(expr)(frame)).slice(0, 500);
    return policy === 'show' ? value : policy(path, value);
  } catch (error) {
    if (error instanceof PolicyFault || error instanceof DecisionAbort) return undefined;
    throw error;
  }
}

/** The longest attribute paths and variables in the expression. */
function collectPaths(expr: Expr, into: Map<string, Expr>): void {
  switch (expr.op) {
    case 'literal':
      return;
    case 'variable':
    case 'get':
      into.set(renderExpression(expr), expr);
      return;
    case 'and':
    case 'or':
    case 'set':
      for (const item of expr.items) collectPaths(item, into);
      return;
    case 'record':
      for (const [, value] of expr.fields) collectPaths(value, into);
      return;
    case 'call':
      for (const arg of expr.args) collectPaths(arg, into);
      return;
    case 'binary':
      collectPaths(expr.left, into);
      collectPaths(expr.right, into);
      return;
    case 'if':
      collectPaths(expr.test, into);
      collectPaths(expr.yes, into);
      collectPaths(expr.no, into);
      return;
    case 'has': {
      // The record as a whole would be noise and may hold secrets; whether the attribute is there is the point.
      let path: Expr = expr.of;
      for (const name of expr.path) path = { op: 'get', of: path, name };
      into.set(renderExpression(path), path);
      return;
    }
    default:
      collectPaths(expr.of, into);
  }
}
