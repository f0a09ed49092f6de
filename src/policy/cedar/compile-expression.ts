import type { BinaryOperator, Expr } from './ast.ts';
import { EXTENSION_FUNCTIONS } from './extension-call.ts';
import { PolicyFault } from './fault.ts';
import type { Frame } from './frame.ts';
import {
  attributeErrors,
  BINARY,
  getAttribute,
  isEmpty,
  isType,
  like,
  NOT_BOOLEAN,
  negateLong,
  peekAttribute,
  YIELDS_BOOLEAN,
} from './operators.ts';
import { CedarRecord, CedarSet, type Value } from './values.ts';

/** @throws PolicyFault when the policy errs. @throws DecisionAbort when the decision must be given up. */
export type Run = (frame: Frame) => Value;
export type Test = (frame: Frame) => boolean;

/** Turns an expression into a closure tree. Never evaluates anything and never fails. */
export function compileExpression(expr: Expr): Run {
  switch (expr.op) {
    case 'literal': {
      const value = expr.value;
      return () => value;
    }
    case 'variable':
      return VARIABLES[expr.name];
    case 'negate': {
      const of = compileExpression(expr.of);
      return (frame) => negateLong(of(frame));
    }
    case 'binary': {
      if (YIELDS_BOOLEAN.has(expr.operator)) return compileTest(expr);
      const left = compileExpression(expr.left);
      const right = compileExpression(expr.right);
      const apply = BINARY[expr.operator];
      return (frame) => apply(left(frame), right(frame), frame);
    }
    case 'get': {
      const { of: inner } = expr;
      if (inner.op === 'get' && inner.of.op === 'variable' && inner.of.name === 'context') {
        return contextPath(inner.name, expr.name);
      }
      const of = compileExpression(inner);
      const name = expr.name;
      const errors = attributeErrors(name);
      return (frame) => getAttribute(of(frame), name, errors, frame);
    }
    case 'if': {
      const test = compileTest(expr.test);
      const yes = compileExpression(expr.yes);
      const no = compileExpression(expr.no);
      return (frame) => (test(frame) ? yes(frame) : no(frame));
    }
    case 'set': {
      const items = expr.items.map(compileExpression);
      return (frame) => new CedarSet(items.map((item) => item(frame)));
    }
    case 'record': {
      const fields = expr.fields.map(([name, value]) => [name, compileExpression(value)] as const);
      return (frame) => {
        const values = new Map<string, Value>();
        for (const [name, value] of fields) values.set(name, value(frame));
        return new CedarRecord(values);
      };
    }
    case 'call':
      return compileCall(expr.name, expr.args);
    default:
      return compileTest(expr);
  }
}

const VARIABLES: Readonly<Record<'principal' | 'action' | 'resource' | 'context', Run>> = {
  principal: (frame) => frame.principal,
  action: (frame) => frame.action,
  resource: (frame) => frame.resource,
  context: (frame) => frame.context,
};

/** `context.a.b`, by far the most common path, as one closure. */
function contextPath(first: string, second: string): Run {
  const firstErrors = attributeErrors(first);
  const secondErrors = attributeErrors(second);
  return (frame) => {
    const value = frame.context.get(first);
    if (value instanceof CedarRecord) {
      const found = value.get(second);
      if (found !== undefined && typeof found !== 'object') return found;
    }
    const outer = getAttribute(frame.context, first, firstErrors, frame);
    return getAttribute(outer, second, secondErrors, frame);
  };
}

function compileCall(name: string, args: readonly Expr[]): Run {
  const call = EXTENSION_FUNCTIONS.get(name);
  if (call === undefined || args.length !== call.arity) {
    const wrong = new PolicyFault(`${name}() has the wrong number of arguments`);
    return () => {
      throw wrong;
    };
  }
  const runs = args.map(compileExpression);
  const apply = call.apply;
  return (frame) => apply(runs.map((run) => run(frame)));
}

/** The same for a place that needs a boolean: checks the type where it is not certain. */
export function compileTest(expr: Expr): Test {
  switch (expr.op) {
    case 'and':
      return conjunction(expr.items.map(compileTest));
    case 'or':
      return disjunction(expr.items.map(compileTest));
    case 'not': {
      const of = compileTest(expr.of);
      return (frame) => !of(frame);
    }
    case 'binary':
      if (YIELDS_BOOLEAN.has(expr.operator)) return compileBinaryTest(expr);
      break;
    case 'has':
      return compileHas(expr.of, expr.path);
    case 'like': {
      const of = compileExpression(expr.of);
      const segments = expr.segments;
      return (frame) => like(of(frame), segments, frame);
    }
    case 'is': {
      const of = compileExpression(expr.of);
      const type = expr.type;
      return (frame) => isType(of(frame), type);
    }
    case 'isEmpty': {
      const of = compileExpression(expr.of);
      return (frame) => isEmpty(of(frame));
    }
    default:
      break;
  }
  const run = compileExpression(expr);
  return (frame) => {
    const value = run(frame);
    if (typeof value === 'boolean') return value;
    throw NOT_BOOLEAN;
  };
}

function conjunction(tests: readonly Test[]): Test {
  const [a, b] = tests;
  if (a !== undefined && b !== undefined && tests.length === 2)
    return (frame) => a(frame) && b(frame);
  return (frame) => {
    for (let i = 0; i < tests.length; i++) if (tests[i]?.(frame) === false) return false;
    return true;
  };
}

function disjunction(tests: readonly Test[]): Test {
  const [a, b] = tests;
  if (a !== undefined && b !== undefined && tests.length === 2)
    return (frame) => a(frame) || b(frame);
  return (frame) => {
    for (let i = 0; i < tests.length; i++) if (tests[i]?.(frame) === true) return true;
    return false;
  };
}

function compileBinaryTest(expr: Extract<Expr, { op: 'binary' }>): Test {
  const left = compileExpression(expr.left);
  if (expr.right.op === 'literal') {
    const special = compareWithLiteral(expr.operator, left, expr.right.value);
    if (special !== undefined) return special;
  }
  const right = compileExpression(expr.right);
  const apply = BINARY[expr.operator];
  // The operators listed in YIELDS_BOOLEAN return nothing else.
  return (frame) => apply(left(frame), right(frame), frame) as boolean;
}

function compileHas(target: Expr, path: readonly string[]): Test {
  const of = compileExpression(target);
  const steps = path.map((name) => ({ name, errors: attributeErrors(name) }));
  return (frame) => {
    let value: Value | undefined = of(frame);
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i];
      if (step === undefined) break;
      value = peekAttribute(value, step.name, step.errors, frame);
      if (value === undefined) return false;
    }
    return true;
  };
}

/** Comparisons with a plain constant, which are most comparisons; everything unusual goes to the operator. */
function compareWithLiteral(operator: BinaryOperator, left: Run, literal: Value): Test | undefined {
  const apply = BINARY[operator];
  const general = (value: Value, frame: Frame) => apply(value, literal, frame) as boolean;
  if (typeof literal === 'object') return undefined;
  if (operator === '==' || operator === '!=') {
    const wanted = operator === '==';
    return (frame) => {
      const value = left(frame);
      return typeof value === 'object' ? general(value, frame) : (value === literal) === wanted;
    };
  }
  if (typeof literal !== 'number') return undefined;
  const numeric = (test: (value: number) => boolean): Test => {
    return (frame) => {
      const value = left(frame);
      return typeof value === 'number' ? test(value) : general(value, frame);
    };
  };
  switch (operator) {
    case '<':
      return numeric((value) => value < literal);
    case '<=':
      return numeric((value) => value <= literal);
    case '>':
      return numeric((value) => value > literal);
    case '>=':
      return numeric((value) => value >= literal);
    default:
      return undefined;
  }
}
