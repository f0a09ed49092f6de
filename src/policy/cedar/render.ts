import type { Expr, Scope } from './ast.ts';
import { formatDecimal } from './decimal.ts';
import type { IpAddress } from './ip-address.ts';
import type { EntityUid, Value } from './values.ts';

/** Longer texts are cut: they go to people. */
const LONGEST = 2_000;
const LONGEST_STRING = 200;
const LONGEST_LIST = 20;

/** How tightly an operator binds; a looser operand gets brackets. */
const BINDING = {
  if: 0,
  or: 1,
  and: 2,
  relation: 3,
  sum: 4,
  product: 5,
  prefix: 6,
  member: 7,
} as const;

/** Cedar-like text of an expression, for people. Long constants are cut with `…`, so it need not parse. */
export function renderExpression(expr: Expr): string {
  return cut(render(expr, BINDING.if), LONGEST);
}

export function renderValue(value: Value): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object') return String(value);
  switch (value.kind) {
    case 'entity':
      return renderUid(value);
    case 'set':
      return `[${listed(value.items, renderValue)}]`;
    case 'record':
      return `{${listed([...value.fields], ([name, field]) => `${nameOf(name)}: ${renderValue(field)}`)}}`;
    case 'oversize':
      return `<string of ${value.length} characters>`;
    case 'decimal':
      return `decimal("${formatDecimal(value)}")`;
    case 'datetime':
      return `datetime("${instant(value.ms)}")`;
    case 'duration':
      return `duration("${value.ms}ms")`;
    case 'ipaddr':
      return `ip("${address(value)}")`;
  }
}

export function renderUid(uid: EntityUid): string {
  return `${cut(uid.type, LONGEST_STRING)}::${quoted(uid.id)}`;
}

/** `principal in Group::"x"` */
export function renderScope(name: string, scope: Scope): string {
  switch (scope.op) {
    case 'all':
      return name;
    case 'eq':
      return `${name} == ${renderUid(scope.uid)}`;
    case 'in': {
      const only = scope.roots[0];
      if (only !== undefined && scope.roots.length === 1) return `${name} in ${renderUid(only)}`;
      return `${name} in [${listed(scope.roots, renderUid)}]`;
    }
    case 'is':
      return `${name} is ${scope.type}${scope.root === undefined ? '' : ` in ${renderUid(scope.root)}`}`;
  }
}

function render(expr: Expr, outer: number): string {
  const [binding, text] = parts(expr);
  return binding < outer ? `(${text})` : text;
}

function parts(expr: Expr): readonly [binding: number, text: string] {
  switch (expr.op) {
    case 'literal':
      // A negative number before `.` or after `-` needs brackets like any prefix operator.
      return [
        typeof expr.value === 'number' && expr.value < 0 ? BINDING.prefix : BINDING.member,
        renderValue(expr.value),
      ];
    case 'variable':
      return [BINDING.member, expr.name];
    case 'and':
      return [BINDING.and, expr.items.map((item) => render(item, BINDING.and + 1)).join(' && ')];
    case 'or':
      return [BINDING.or, expr.items.map((item) => render(item, BINDING.or + 1)).join(' || ')];
    case 'not':
      return [BINDING.prefix, `!${render(expr.of, BINDING.member)}`];
    case 'negate':
      return [BINDING.prefix, `-${render(expr.of, BINDING.member)}`];
    case 'isEmpty':
      return [BINDING.member, `${render(expr.of, BINDING.member)}.isEmpty()`];
    case 'binary':
      return binary(expr);
    case 'get':
      return [
        BINDING.member,
        render(expr.of, BINDING.member) +
          (isName(expr.name) ? `.${expr.name}` : `[${quoted(expr.name)}]`),
      ];
    case 'has':
      return [
        BINDING.relation,
        `${render(expr.of, BINDING.sum)} has ${expr.path.map(nameOf).join('.')}`,
      ];
    case 'like':
      return [BINDING.relation, `${render(expr.of, BINDING.sum)} like ${pattern(expr.segments)}`];
    case 'is':
      return [BINDING.relation, `${render(expr.of, BINDING.sum)} is ${expr.type}`];
    case 'if':
      return [
        BINDING.if,
        `if ${render(expr.test, BINDING.if)} then ${render(expr.yes, BINDING.if)} else ${render(expr.no, BINDING.if)}`,
      ];
    case 'set':
      return [BINDING.member, `[${listed(expr.items, (item) => render(item, BINDING.if))}]`];
    case 'record':
      return [
        BINDING.member,
        `{${listed(expr.fields, ([name, value]) => `${nameOf(name)}: ${render(value, BINDING.if)}`)}}`,
      ];
    case 'call':
      return [BINDING.member, call(expr.name, expr.args)];
  }
}

const CONSTRUCTORS = new Set(['ip', 'decimal', 'datetime', 'duration']);

function call(name: string, args: readonly Expr[]): string {
  const [receiver, ...rest] = args;
  if (CONSTRUCTORS.has(name) || receiver === undefined)
    return `${name}(${listed(args, (arg) => render(arg, BINDING.if))})`;
  return `${render(receiver, BINDING.member)}.${name}(${listed(rest, (arg) => render(arg, BINDING.if))})`;
}

function binary(expr: Extract<Expr, { op: 'binary' }>): readonly [number, string] {
  const { operator, left, right } = expr;
  if (/^[a-z]{3}/.test(operator)) {
    return [
      BINDING.member,
      `${render(left, BINDING.member)}.${operator}(${render(right, BINDING.if)})`,
    ];
  }
  const binding =
    operator === '*'
      ? BINDING.product
      : operator === '+' || operator === '-'
        ? BINDING.sum
        : BINDING.relation;
  const leftBinding = binding === BINDING.relation ? binding + 1 : binding;
  return [binding, `${render(left, leftBinding)} ${operator} ${render(right, binding + 1)}`];
}

function pattern(segments: readonly string[]): string {
  return `"${segments.map((segment) => quoted(segment).slice(1, -1).replaceAll('*', '\\*')).join('*')}"`;
}

function nameOf(name: string): string {
  return isName(name) ? name : quoted(name);
}

function isName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]{0,99}$/.test(name);
}

/** Cedar's escapes; controls and bidirectional marks are made visible because people read this. */
function quoted(text: string): string {
  const shown = cut(text, LONGEST_STRING);
  let out = '"';
  for (const char of shown) {
    const code = char.codePointAt(0) ?? 0;
    if (char === '"' || char === '\\') out += `\\${char}`;
    else if (code < 32 || (code >= 127 && code < 160) || isInvisible(code))
      out += `\\u{${code.toString(16)}}`;
    else out += char;
  }
  return `${out}"`;
}

function isInvisible(code: number): boolean {
  return (
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x206f) ||
    code === 0xfeff ||
    (code >= 0xe0000 && code <= 0xe007f)
  );
}

function listed<T>(items: readonly T[], show: (item: T) => string): string {
  const shown = items.slice(0, LONGEST_LIST).map(show);
  if (items.length > LONGEST_LIST) shown.push('…');
  return shown.join(', ');
}

function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(0, max).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** ISO form where JavaScript has one, else milliseconds. */
function instant(ms: bigint): string {
  const date = new Date(Number(ms));
  return Number.isNaN(date.getTime()) ? `${ms}` : date.toISOString();
}

function address(ip: IpAddress): string {
  const groups: string[] = [];
  const width = ip.bits === 32 ? 8n : 16n;
  for (let shift = BigInt(ip.bits) - width; shift >= 0n; shift -= width) {
    groups.push(((ip.address >> shift) & ((1n << width) - 1n)).toString(ip.bits === 32 ? 10 : 16));
  }
  const host = groups.join(ip.bits === 32 ? '.' : ':');
  return ip.prefix === ip.bits ? host : `${host}/${ip.prefix}`;
}
