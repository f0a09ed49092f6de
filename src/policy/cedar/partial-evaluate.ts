import type { Expr } from './ast.ts';
import { EXTENSION_FUNCTIONS } from './extension-call.ts';
import { type Fuel, PolicyFault } from './fault.ts';
import {
  attributeErrors,
  BINARY,
  getAttribute,
  isEmpty,
  isType,
  like,
  negateLong,
  peekAttribute,
  type World,
  YIELDS_BOOLEAN,
} from './operators.ts';
import {
  ANYTHING,
  asBoolean,
  booleanOf,
  ERROR,
  FALSE,
  isKnown,
  mayErr,
  OTHER,
  PartialRecord,
  type PartialUid,
  type PartialValue,
  SomeEntity,
  surelyErrs,
  TRUE,
  Unknown,
} from './partial-value.ts';
import { CedarRecord, CedarSet, type Value } from './values.ts';

export interface PartialWorld extends World, Fuel {
  readonly principal: PartialUid;
  readonly action: PartialUid;
  readonly resource: PartialUid;
  readonly context: PartialRecord;
}

const UNKNOWN = new Unknown(ANYTHING);
const ERRS = new Unknown(ERROR);
const BOOLEAN = TRUE | FALSE;

/**
 * Evaluates with unknown inputs. Sound: the true outcome for any completion of the unknowns is among the
 * possibilities returned. Not exact: two uses of one unknown are taken as independent.
 * @throws DecisionAbort as the full evaluator does.
 */
export function evaluatePartially(expr: Expr, world: PartialWorld): PartialValue {
  switch (expr.op) {
    case 'literal':
      return expr.value;
    case 'variable':
      return world[expr.name];
    case 'and':
      return booleanOf(chain(expr.items, world, TRUE, FALSE));
    case 'or':
      return booleanOf(chain(expr.items, world, FALSE, TRUE));
    case 'not': {
      const may = asBoolean(evaluatePartially(expr.of, world));
      return booleanOf((may & ERROR) | (may & TRUE ? FALSE : 0) | (may & FALSE ? TRUE : 0));
    }
    case 'if':
      return branch(expr, world);
    case 'binary': {
      const left = evaluatePartially(expr.left, world);
      const right = evaluatePartially(expr.right, world);
      return binary(expr.operator, left, right, world);
    }
    case 'get':
      return attribute(evaluatePartially(expr.of, world), expr.name, world);
    case 'has':
      return booleanOf(hasPath(evaluatePartially(expr.of, world), expr.path, world));
    case 'is': {
      const of = evaluatePartially(expr.of, world);
      if (of instanceof SomeEntity && of.type !== undefined) return of.type === expr.type;
      if (of instanceof SomeEntity) return new Unknown(BOOLEAN);
      return apply([of], BOOLEAN | ERROR, ([value]) => isType(value as Value, expr.type));
    }
    case 'like':
      return apply([evaluatePartially(expr.of, world)], BOOLEAN | ERROR, ([value]) =>
        like(value as Value, expr.segments, world),
      );
    case 'isEmpty':
      return apply([evaluatePartially(expr.of, world)], BOOLEAN | ERROR, ([value]) =>
        isEmpty(value as Value),
      );
    case 'negate':
      return apply([evaluatePartially(expr.of, world)], OTHER | ERROR, ([value]) =>
        negateLong(value as Value),
      );
    case 'set':
      return setOf(expr.items, world);
    case 'record':
      return recordOf(expr.fields, world);
    case 'call': {
      const call = EXTENSION_FUNCTIONS.get(expr.name);
      if (call === undefined || call.arity !== expr.args.length) return ERRS;
      const args = expr.args.map((arg) => evaluatePartially(arg, world));
      return apply(args, ANYTHING, (values) => call.apply(values));
    }
  }
}

/** `&&` goes on while TRUE and stops at FALSE; `||` the other way round. */
function chain(items: readonly Expr[], world: PartialWorld, goOn: number, stop: number): number {
  let outcome = 0;
  for (const item of items) {
    const may = asBoolean(evaluatePartially(item, world));
    outcome |= may & (stop | ERROR);
    if ((may & goOn) === 0) return outcome;
  }
  return outcome | goOn;
}

function branch(expr: Extract<Expr, { op: 'if' }>, world: PartialWorld): PartialValue {
  const test = asBoolean(evaluatePartially(expr.test, world));
  if (test === TRUE) return evaluatePartially(expr.yes, world);
  if (test === FALSE) return evaluatePartially(expr.no, world);
  let may = test & ERROR;
  if (test & TRUE) may |= possibilities(evaluatePartially(expr.yes, world));
  if (test & FALSE) may |= possibilities(evaluatePartially(expr.no, world));
  return booleanOf(may);
}

function possibilities(value: PartialValue): number {
  if (value === true) return TRUE;
  if (value === false) return FALSE;
  return typeof value === 'object' && value.kind === 'unknown' ? value.may : OTHER;
}

/** Evaluates exactly when all operands are known; otherwise whatever the operator can come to. */
function apply(
  operands: readonly PartialValue[],
  may: number,
  exact: (values: readonly Value[]) => Value,
): PartialValue {
  if (operands.some(surelyErrs)) return ERRS;
  if (!operands.every(isKnown)) return new Unknown(may);
  try {
    return exact(operands);
  } catch (error) {
    if (error instanceof PolicyFault) return ERRS;
    throw error;
  }
}

function binary(
  operator: keyof typeof BINARY,
  left: PartialValue,
  right: PartialValue,
  world: PartialWorld,
): PartialValue {
  if (operator === '==' || operator === '!=') {
    const never = differ(left, right) ? operator === '!=' : undefined;
    if (never !== undefined) return never;
    const may = BOOLEAN | (mayErr(left) || mayErr(right) ? ERROR : 0);
    return apply([left, right], may, ([a, b]) => BINARY[operator](a as Value, b as Value, world));
  }
  const may =
    operator === 'getTag'
      ? ANYTHING
      : YIELDS_BOOLEAN.has(operator)
        ? BOOLEAN | ERROR
        : OTHER | ERROR;
  return apply([left, right], may, ([a, b]) => BINARY[operator](a as Value, b as Value, world));
}

/** An entity of a known type differs from everything that is surely not one of that type. */
function differ(left: PartialValue, right: PartialValue): boolean {
  const some = left instanceof SomeEntity ? left : right instanceof SomeEntity ? right : undefined;
  if (some === undefined) return false;
  const other = some === left ? right : left;
  if (!isKnown(other)) return false;
  if (typeof other !== 'object' || other.kind !== 'entity') return true;
  return some.type !== undefined && some.type !== other.type;
}

function attribute(of: PartialValue, name: string, world: PartialWorld): PartialValue {
  if (of instanceof PartialRecord) {
    const value = of.fields.get(name);
    if (value === undefined) return of.open ? UNKNOWN : ERRS;
    // The reading rules (oversize strings) are those of the full evaluator.
    return isKnown(value)
      ? getAttribute(new CedarRecord(new Map([[name, value]])), name, attributeErrors(name), world)
      : value;
  }
  return apply([of], ANYTHING, ([value]) =>
    getAttribute(value as Value, name, attributeErrors(name), world),
  );
}

function hasPath(of: PartialValue, path: readonly string[], world: PartialWorld): number {
  let value = of;
  for (const [i, name] of path.entries()) {
    // What is missing on the way to the last step might be no record, and then `has` errs.
    const unsure = i === path.length - 1 ? BOOLEAN : BOOLEAN | ERROR;
    if (value instanceof PartialRecord) {
      const next: PartialValue | undefined = value.fields.get(name);
      if (next === undefined && !value.open) return FALSE;
      if (next === undefined) return unsure;
      value = next;
      continue;
    }
    if (value instanceof SomeEntity) return unsure;
    if (!isKnown(value)) return surelyErrs(value) ? ERROR : BOOLEAN | ERROR;
    try {
      const next = peekAttribute(value, name, attributeErrors(name), world);
      if (next === undefined) return FALSE;
      value = next;
    } catch (error) {
      if (error instanceof PolicyFault) return ERROR;
      throw error;
    }
  }
  return TRUE;
}

function setOf(items: readonly Expr[], world: PartialWorld): PartialValue {
  const values = items.map((item) => evaluatePartially(item, world));
  if (values.some(surelyErrs)) return ERRS;
  return values.every(isKnown)
    ? new CedarSet(values)
    : new Unknown(OTHER | (values.some(mayErr) ? ERROR : 0));
}

function recordOf(fields: readonly (readonly [string, Expr])[], world: PartialWorld): PartialValue {
  const values = fields.map(([name, expr]) => [name, evaluatePartially(expr, world)] as const);
  if (values.some(([, value]) => surelyErrs(value))) return ERRS;
  if (values.some(([, value]) => mayErr(value))) return new Unknown(OTHER | ERROR);
  const known = new Map<string, Value>();
  for (const [name, value] of values) if (isKnown(value)) known.set(name, value);
  return known.size === values.length
    ? new CedarRecord(known)
    : new PartialRecord(new Map(values), false);
}
