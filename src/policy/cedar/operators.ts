import type { BinaryOperator } from './ast.ts';
import { contains, containsAll, containsAny, equal } from './equality.ts';
import { burn, PolicyFault, READ_OVERSIZE } from './fault.ts';
import type { Frame } from './frame.ts';
import { add, multiply, negate, subtract } from './int64.ts';
import { matchLike } from './like.ts';
import { type CedarSet, EntityUid, type Long, type Value } from './values.ts';

/** What operators need of a request: the hierarchy, entity data and the work budget. */
export type World = Pick<Frame, 'node' | 'isIn' | 'fuel'>;

export type Operator = (left: Value, right: Value, world: World) => Value;

const OVERFLOW = {
  '+': new PolicyFault('`+` overflows 64 bits'),
  '-': new PolicyFault('`-` overflows 64 bits'),
  '*': new PolicyFault('`*` overflows 64 bits'),
};
const NEGATE_OVERFLOW = new PolicyFault('negation overflows 64 bits');
const NEGATE_TYPE = new PolicyFault('negation needs a long');
const LIKE_TYPE = new PolicyFault('`like` needs a string');
const IS_TYPE = new PolicyFault('`is` needs an entity');
const EMPTY_TYPE = new PolicyFault('isEmpty() needs a set');
const NO_ENTITY = new PolicyFault('getTag() of an entity that does not exist');
const NO_TAG = new PolicyFault('getTag() of a tag that does not exist');
export const NOT_BOOLEAN = new PolicyFault(
  'a condition, or an operand of `&&`, `||`, `!` or `if`, is not a boolean',
);

/** A missing record attribute is told from a missing entity by the message only. */
export function isLong(value: Value): value is Long {
  return typeof value === 'number' || typeof value === 'bigint';
}

function arithmetic(
  operator: '+' | '-' | '*',
  apply: (a: Long, b: Long, overflow: PolicyFault) => Long,
): Operator {
  const wrong = new PolicyFault(`\`${operator}\` needs two longs`);
  return (left, right) => {
    if (!isLong(left) || !isLong(right)) throw wrong;
    return apply(left, right, OVERFLOW[operator]);
  };
}

function ordering(operator: string, apply: (a: Long, b: Long) => boolean): Operator {
  const wrong = new PolicyFault(`\`${operator}\` needs two longs, two datetimes or two durations`);
  return (left, right) => {
    if (isLong(left) && isLong(right)) return apply(left, right);
    if (typeof left === 'object' && typeof right === 'object') {
      if (left.kind === 'datetime' && right.kind === 'datetime') return apply(left.ms, right.ms);
      if (left.kind === 'duration' && right.kind === 'duration') return apply(left.ms, right.ms);
    }
    throw wrong;
  };
}

function onSets(
  name: string,
  apply: (a: CedarSet, b: CedarSet, world: World) => boolean,
): Operator {
  const wrong = new PolicyFault(`${name}() needs two sets`);
  return (left, right, world) => {
    if (!isSet(left) || !isSet(right)) throw wrong;
    return apply(left, right, world);
  };
}

function isSet(value: Value): value is CedarSet {
  return typeof value === 'object' && value.kind === 'set';
}

const CONTAINS_TYPE = new PolicyFault('contains() needs a set');
const IN_TYPE = new PolicyFault('`in` needs an entity and an entity or a set of entities');

const isIn: Operator = (left, right, world) => {
  if (!(left instanceof EntityUid)) throw IN_TYPE;
  if (right instanceof EntityUid) return world.isIn(left, right);
  if (!isSet(right)) throw IN_TYPE;
  burn(world, right.items.length);
  // Every element is checked before any match counts.
  let found = false;
  for (const item of right.items) {
    if (!(item instanceof EntityUid)) throw IN_TYPE;
    found ||= world.isIn(left, item);
  }
  return found;
};

function tagOperator(
  name: string,
  apply: (uid: EntityUid, tag: string, world: World) => Value,
): Operator {
  const wrong = new PolicyFault(`${name}() needs an entity and a string`);
  return (left, right, world) => {
    if (!(left instanceof EntityUid) || typeof right !== 'string') throw wrong;
    return apply(left, right, world);
  };
}

export const BINARY: Readonly<Record<BinaryOperator, Operator>> = {
  '==': equal,
  '!=': (left, right, world) => !equal(left, right, world),
  '<': ordering('<', (a, b) => a < b),
  '<=': ordering('<=', (a, b) => a <= b),
  '>': ordering('>', (a, b) => a > b),
  '>=': ordering('>=', (a, b) => a >= b),
  '+': arithmetic('+', add),
  '-': arithmetic('-', subtract),
  '*': arithmetic('*', multiply),
  in: isIn,
  contains: (left, right, world) => {
    if (!isSet(left)) throw CONTAINS_TYPE;
    return contains(left, right, world);
  },
  containsAll: onSets('containsAll', containsAll),
  containsAny: onSets('containsAny', containsAny),
  hasTag: tagOperator('hasTag', (uid, tag, world) => world.node(uid)?.tags.has(tag) === true),
  getTag: tagOperator('getTag', (uid, tag, world) => {
    const node = world.node(uid);
    if (node === undefined) throw NO_ENTITY;
    return readable(node.tags.get(tag), NO_TAG);
  }),
};

/** The operators whose result is a boolean whenever they do not err. */
export const YIELDS_BOOLEAN: ReadonlySet<BinaryOperator> = new Set<BinaryOperator>([
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'in',
  'contains',
  'containsAll',
  'containsAny',
  'hasTag',
]);

function readable(value: Value | undefined, missing: PolicyFault): Value {
  if (value === undefined) throw missing;
  if (typeof value === 'object' && value.kind === 'oversize') throw READ_OVERSIZE;
  return value;
}

export interface AttributeErrors {
  readonly missing: PolicyFault;
  readonly noEntity: PolicyFault;
  readonly wrongType: PolicyFault;
}

export function attributeErrors(name: string): AttributeErrors {
  const quoted = JSON.stringify(name.slice(0, 100));
  return {
    missing: new PolicyFault(`attribute ${quoted} does not exist`),
    noEntity: new PolicyFault(`attribute ${quoted} of an entity that does not exist`),
    wrongType: new PolicyFault(
      `attribute ${quoted} of something that is neither record nor entity`,
    ),
  };
}

/** `of.name` */
export function getAttribute(
  of: Value,
  name: string,
  errors: AttributeErrors,
  world: World,
): Value {
  if (typeof of !== 'object') throw errors.wrongType;
  if (of.kind === 'record') return readable(of.get(name), errors.missing);
  if (of.kind !== 'entity') throw errors.wrongType;
  const node = world.node(of);
  if (node === undefined) throw errors.noEntity;
  return readable(node.attrs.get(name), errors.missing);
}

/** One step of `has`: the attribute, or undefined when there is none. */
export function peekAttribute(
  of: Value,
  name: string,
  errors: AttributeErrors,
  world: World,
): Value | undefined {
  if (typeof of !== 'object') throw errors.wrongType;
  if (of.kind === 'record') return of.get(name);
  if (of.kind === 'oversize') throw READ_OVERSIZE;
  if (of.kind !== 'entity') throw errors.wrongType;
  return world.node(of)?.attrs.get(name);
}

export function like(of: Value, segments: readonly string[], world: World): boolean {
  if (typeof of !== 'string') throw LIKE_TYPE;
  burn(world, of.length >> 4);
  return matchLike(segments, of);
}

export function isType(of: Value, type: string): boolean {
  if (!(of instanceof EntityUid)) throw IS_TYPE;
  return of.type === type;
}

export function isEmpty(of: Value): boolean {
  if (!isSet(of)) throw EMPTY_TYPE;
  return of.items.length === 0;
}

export function negateLong(of: Value): Long {
  if (!isLong(of)) throw NEGATE_TYPE;
  return negate(of, NEGATE_OVERFLOW);
}
