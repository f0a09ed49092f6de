import { BINARY_OPERATORS, type BinaryOperator, type Expr, type Variable } from './ast.ts';
import { asList, asObject, asText, EstRefusal, type NodeBudget, single } from './est-reader.ts';
import { EXTENSION_FUNCTIONS, parseExtension } from './extension-call.ts';
import { PolicyFault } from './fault.ts';
import { valueFromCedarJson } from './from-cedar-json.ts';
import { negateLong } from './operators.ts';
import { CedarRecord, CedarSet, type Value } from './values.ts';

const BINARY: ReadonlySet<string> = new Set(BINARY_OPERATORS);
const VARIABLES: ReadonlySet<string> = new Set(['principal', 'action', 'resource', 'context']);

/** Reads one expression of Cedar's JSON policy format. @throws EstRefusal */
export function readExpression(json: unknown, at: string, budget: NodeBudget): Expr {
  budget.spend(at);
  const [name, content] = single(json, at);
  const here = `${at}.${name}`;
  const member = (key: string): Expr =>
    readExpression(asObject(content, here)[key], `${here}.${key}`, budget);
  const text = (key: string): string => asText(asObject(content, here)[key], `${here}.${key}`);
  if (BINARY.has(name)) {
    return {
      op: 'binary',
      operator: name as BinaryOperator,
      left: member('left'),
      right: member('right'),
    };
  }
  switch (name) {
    case 'Value':
      return { op: 'literal', value: readLiteral(content, here, budget) };
    case 'Var': {
      const variable = asText(content, here);
      if (!VARIABLES.has(variable)) throw new EstRefusal(here, 'an unknown variable');
      return { op: 'variable', name: variable as Variable };
    }
    case '&&':
      return joined('and', member('left'), member('right'));
    case '||':
      return joined('or', member('left'), member('right'));
    case '!':
      return { op: 'not', of: member('arg') };
    case 'neg':
      return folded({ op: 'negate', of: member('arg') });
    case 'isEmpty':
      return { op: 'isEmpty', of: member('arg') };
    case '.':
      return { op: 'get', of: member('left'), name: text('attr') };
    case 'has': {
      const attr = asObject(content, here)['attr'];
      const path = Array.isArray(attr) ? attr.map((step) => asText(step, here)) : [text('attr')];
      if (path.length === 0) throw new EstRefusal(here, 'an empty path');
      for (let i = 1; i < path.length; i++) budget.spend(here);
      return { op: 'has', of: member('left'), path };
    }
    case 'like':
      return {
        op: 'like',
        of: member('left'),
        segments: readPattern(asObject(content, here)['pattern'], here),
      };
    case 'is': {
      const left = member('left');
      const is: Expr = { op: 'is', of: left, type: text('entity_type') };
      if (!Object.hasOwn(asObject(content, here), 'in')) return is;
      return joined('and', is, { op: 'binary', operator: 'in', left, right: member('in') });
    }
    case 'if-then-else':
      return { op: 'if', test: member('if'), yes: member('then'), no: member('else') };
    case 'Set':
      return folded({
        op: 'set',
        items: asList(content, here).map((item, i) =>
          readExpression(item, `${here}[${i}]`, budget),
        ),
      });
    case 'Record':
      return folded({
        op: 'record',
        fields: Object.entries(asObject(content, here)).map(([key, value]) => [
          asText(key, here),
          readExpression(value, here, budget),
        ]),
      });
    case 'Slot':
      throw new EstRefusal(here, 'a template slot in a condition');
    default:
      return readCall(name, content, here, budget);
  }
}

function readCall(name: string, content: unknown, at: string, budget: NodeBudget): Expr {
  if (!EXTENSION_FUNCTIONS.has(name)) throw new EstRefusal(at, 'an unknown operator or function');
  const args = asList(content, at).map((arg, i) => readExpression(arg, `${at}[${i}]`, budget));
  return folded({ op: 'call', name, args });
}

function joined(op: 'and' | 'or', left: Expr, right: Expr): Expr {
  const head = left.op === op ? left.items : [left];
  const tail = right.op === op ? right.items : [right];
  return { op, items: [...head, ...tail] };
}

function readLiteral(json: unknown, at: string, budget: NodeBudget): Value {
  // A literal may itself be a whole tree; every list element and attribute counts.
  if (typeof json === 'object' && json !== null) budgetFor(json, at, budget);
  const value = valueFromCedarJson(json, budget.limits);
  if (value.ok) return value.value;
  throw new EstRefusal(at, value.error.problem);
}

function budgetFor(json: object, at: string, budget: NodeBudget): void {
  for (const member of Object.values(json)) {
    budget.spend(at);
    if (typeof member === 'object' && member !== null) budgetFor(member, at, budget);
  }
}

function readPattern(json: unknown, at: string): string[] {
  const segments = [''];
  for (const element of asList(json, at)) {
    if (element === 'Wildcard') {
      segments.push('');
      continue;
    }
    const [name, literal] = single(element, at);
    if (name !== 'Literal') throw new EstRefusal(at, 'an unknown pattern element');
    // Neighbouring literals arrive one by one and must be matched as one.
    segments.push((segments.pop() ?? '') + asText(literal, at));
  }
  // Two wildcards in a row are one.
  return segments.filter((segment, i) => segment !== '' || i === 0 || i === segments.length - 1);
}

/** Evaluates what is constant once. What would err is left for run time: it errs only when reached. */
function folded(expr: Expr): Expr {
  switch (expr.op) {
    case 'set': {
      const items = expr.items.map(literalValue);
      return items.every((item) => item !== undefined)
        ? { op: 'literal', value: new CedarSet(items) }
        : expr;
    }
    case 'record': {
      const fields = new Map<string, Value>();
      for (const [name, value] of expr.fields) {
        const literal = literalValue(value);
        if (literal === undefined) return expr;
        fields.set(name, literal);
      }
      return { op: 'literal', value: new CedarRecord(fields) };
    }
    case 'negate': {
      const of = literalValue(expr.of);
      if (of === undefined) return expr;
      try {
        return { op: 'literal', value: negateLong(of) };
      } catch (error) {
        if (error instanceof PolicyFault) return expr;
        throw error;
      }
    }
    case 'call': {
      const only = expr.args[0];
      const argument = only === undefined ? undefined : literalValue(only);
      if (expr.args.length !== 1 || typeof argument !== 'string') return expr;
      const value = parseExtension(expr.name, argument);
      return value === undefined ? expr : { op: 'literal', value };
    }
    default:
      return expr;
  }
}

function literalValue(expr: Expr): Value | undefined {
  return expr.op === 'literal' ? expr.value : undefined;
}
