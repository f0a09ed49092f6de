import * as datetime from './datetime.ts';
import { parseDecimal } from './decimal.ts';
import { DURATION_DIVISORS, parseDuration, wholeUnits } from './duration.ts';
import { PolicyFault } from './fault.ts';
import { isInRange, isLoopback, isMulticast, parseIpAddress } from './ip-address.ts';
import type { Extension, Value } from './values.ts';

type Kind = Extension['kind'];
type Of<K extends Kind> = Extract<Extension, { kind: K }>;

export interface ExtensionFunction {
  readonly arity: number;
  /** Operands are checked inside. @throws PolicyFault */
  readonly apply: (args: readonly Value[]) => Value;
}

const PARSERS: Readonly<Record<string, (text: string) => Extension | undefined>> = {
  decimal: parseDecimal,
  datetime: datetime.parseDatetime,
  duration: parseDuration,
  ip: parseIpAddress,
};

/** A constructor's value for a literal text; undefined when the text is not legal or the function not a constructor. */
export function parseExtension(name: string, text: string): Extension | undefined {
  return Object.hasOwn(PARSERS, name) ? PARSERS[name]?.(text) : undefined;
}

function operand<K extends Kind>(
  args: readonly Value[],
  index: number,
  kind: K,
  fault: PolicyFault,
): Of<K> {
  const value = args[index];
  if (typeof value === 'object' && value.kind === kind) return value as Of<K>;
  throw fault;
}

function orOverflow<T>(value: T | undefined, fault: PolicyFault): T {
  if (value === undefined) throw fault;
  return value;
}

function unary<K extends Kind>(
  name: string,
  kind: K,
  apply: (value: Of<K>, overflow: PolicyFault) => Value,
) {
  const wrong = new PolicyFault(`${name}() needs a value of type ${kind}`);
  const overflow = new PolicyFault(`${name}() leaves the range of ${kind}`);
  return {
    arity: 1,
    apply: (args: readonly Value[]) => apply(operand(args, 0, kind, wrong), overflow),
  };
}

function binary<K extends Kind, L extends Kind>(
  name: string,
  kinds: readonly [K, L],
  apply: (left: Of<K>, right: Of<L>, overflow: PolicyFault) => Value,
) {
  const wrong = new PolicyFault(`${name}() needs values of type ${kinds[0]} and ${kinds[1]}`);
  const overflow = new PolicyFault(`${name}() leaves the range of ${kinds[0]}`);
  return {
    arity: 2,
    apply: (args: readonly Value[]) =>
      apply(operand(args, 0, kinds[0], wrong), operand(args, 1, kinds[1], wrong), overflow),
  };
}

function constructorOf(name: string): ExtensionFunction {
  const wrong = new PolicyFault(`${name}() needs a string`);
  const illegal = new PolicyFault(`${name}() got a text that is not a legal ${name}`);
  return {
    arity: 1,
    apply: (args) => {
      const text = args[0];
      if (typeof text !== 'string') throw wrong;
      return orOverflow(parseExtension(name, text), illegal);
    },
  };
}

const DECIMALS = ['decimal', 'decimal'] as const;

/** Every extension function and method of Cedar 4, by name. */
export const EXTENSION_FUNCTIONS: ReadonlyMap<string, ExtensionFunction> = new Map<
  string,
  ExtensionFunction
>([
  ...Object.keys(PARSERS).map((name): [string, ExtensionFunction] => [name, constructorOf(name)]),
  ['lessThan', binary('lessThan', DECIMALS, (a, b) => a.units < b.units)],
  ['lessThanOrEqual', binary('lessThanOrEqual', DECIMALS, (a, b) => a.units <= b.units)],
  ['greaterThan', binary('greaterThan', DECIMALS, (a, b) => a.units > b.units)],
  ['greaterThanOrEqual', binary('greaterThanOrEqual', DECIMALS, (a, b) => a.units >= b.units)],
  ['isIpv4', unary('isIpv4', 'ipaddr', (ip) => ip.bits === 32)],
  ['isIpv6', unary('isIpv6', 'ipaddr', (ip) => ip.bits === 128)],
  ['isLoopback', unary('isLoopback', 'ipaddr', isLoopback)],
  ['isMulticast', unary('isMulticast', 'ipaddr', isMulticast)],
  ['isInRange', binary('isInRange', ['ipaddr', 'ipaddr'], isInRange)],
  [
    'offset',
    binary('offset', ['datetime', 'duration'], (a, b, over) =>
      orOverflow(datetime.offsetBy(a, b), over),
    ),
  ],
  [
    'durationSince',
    binary('durationSince', ['datetime', 'datetime'], (a, b, over) =>
      orOverflow(datetime.durationSince(a, b), over),
    ),
  ],
  [
    'toDate',
    unary('toDate', 'datetime', (value, over) => orOverflow(datetime.toDate(value), over)),
  ],
  ['toTime', unary('toTime', 'datetime', datetime.toTime)],
  ...Object.entries(DURATION_DIVISORS).map(([name, divisor]): [string, ExtensionFunction] => [
    name,
    unary(name, 'duration', (value) => wholeUnits(value, divisor)),
  ]),
]);
