import type { Expr } from './ast.ts';
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
      const of = compileExpression(expr.of);
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
