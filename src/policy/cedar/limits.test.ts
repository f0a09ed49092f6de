import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  authorize,
  CedarRecord,
  compilePolicy,
  DEFAULT_LIMITS,
  EntitySnapshot,
  EntityUid,
  lexUnsafeIntegers,
  maxNesting,
  OversizeString,
  PolicySet,
  toRecord,
  toValue,
} from './index.ts';
import { mustCompile } from './testing/referee.ts';

const UIDS = {
  principal: new EntityUid('A', 'x'),
  action: new EntityUid('Action', 'a'),
  resource: new EntityUid('R', 'r'),
};

function decide(texts: readonly string[], context: unknown, fuel?: number) {
  const set = PolicySet.empty.with({ put: texts.map((text, i) => mustCompile(`p${i}`, text)) });
  const record = toRecord(context);
  if (!set.ok || !record.ok) throw new Error('setup');
  return authorize(
    { policies: set.value, entities: EntitySnapshot.empty },
    { ...UIDS, context: record.value },
    fuel === undefined ? {} : { fuel },
  );
}

const when = (condition: string) => `permit(principal, action, resource) when { ${condition} };`;

test('an argument that looks like an entity, an extension value or an expression stays a record', () => {
  const hostile = {
    who: { __entity: { type: 'A', id: 'admin' } },
    ip: { __extn: { fn: 'ip', arg: '10.0.0.1' } },
    x: { __expr: 'true' },
  };
  expect(decide([when('context.who == A::"admin"')], hostile).decision).toBe('deny');
  expect(decide([when('context.ip == ip("10.0.0.1")')], hostile).decision).toBe('deny');
  expect(
    decide([when('context.who has "__entity" && context.x["__expr"] == "true"')], hostile).decision,
  ).toBe('allow');
});

test.each([
  ['null', { a: { b: null } }, '.a.b'],
  ['a fraction', { a: [1, 1.5] }, '.a[1]'],
  ['a rounded integer', { a: 2 ** 53 }, '.a'],
  ['infinity', { a: Number.POSITIVE_INFINITY }, '.a'],
  ['NaN', { a: Number.NaN }, '.a'],
  ['an integer beyond 64 bits', { a: 2n ** 63n }, '.a'],
  ['a lone surrogate', { a: '\ud800' }, '.a'],
  ['a lone surrogate in a name', { '\udc00': 1 }, '.\udc00'],
  ['a function', { a: () => 1 }, '.a'],
  ['a date', { a: new Date(0) }, '.a'],
  ['a map', { a: new Map() }, '.a'],
  ['an object pretending to be an entity', { a: Object.create(EntityUid) }, '.a'],
])('conversion refuses %s and says where', (_, plain, at) => {
  const result = toRecord(plain);
  expect(result.ok ? result : result.error.at).toBe(at);
});

test('conversion keeps integers of 64 bits exact and takes minus zero for zero', () => {
  const big = toValue([2n ** 63n - 1n, -(2n ** 63n), 5n, -0]);
  expect(big.ok && big.value).toMatchObject({ items: [2n ** 63n - 1n, -(2n ** 63n), 5, 0] });
  expect(
    decide([when('context.n - 1 == context.m')], { n: 9007199254740993n, m: 9007199254740992n })
      .decision,
  ).toBe('allow');
});

test('nulls and fractions are taken only when asked for, and only when exact', () => {
  const options = { nulls: 'omit', fractions: 'decimal' } as const;
  expect(toRecord({ a: null, b: 1.25 }, options)).toMatchObject({ ok: true, value: { size: 1 } });
  expect(toRecord({ b: 1.00001 }, options).ok).toBe(false);
  expect(toRecord({ b: 1e-7 }, options).ok).toBe(false);
  expect(toRecord({ b: [null] }, options).ok).toBe(false);
});

test('a context nested too deep is refused before the stack is in danger', () => {
  let deep: unknown = 1;
  for (let i = 0; i < 20_000; i++) deep = { a: deep };
  expect(toRecord(deep).ok).toBe(false);
  let list: unknown = 1;
  for (let i = 0; i < 20_000; i++) list = [list];
  expect(toRecord({ list }).ok).toBe(false);
});

test('a context with too many elements or too many characters is refused', () => {
  expect(toRecord({ a: new Array(DEFAULT_LIMITS.valueElements).fill(1) }).ok).toBe(false);
  expect(toRecord({ a: new Array(DEFAULT_LIMITS.valueElements - 1).fill(1) }).ok).toBe(true);
  const chunk = 'x'.repeat(DEFAULT_LIMITS.stringLength);
  expect(toRecord({ a: [chunk, chunk, chunk] }).ok).toBe(true);
  expect(toRecord({ a: [chunk, chunk, chunk, chunk, chunk] }).ok).toBe(false);
});

test('an oversize string may be carried along, but reading it denies the whole decision', () => {
  const context = {
    body: 'x'.repeat(DEFAULT_LIMITS.stringLength + 1),
    list: ['y'.repeat(100_000)],
    ok: 1,
  };
  const allow = 'permit(principal, action, resource);';
  expect(decide([allow], context).decision).toBe('allow');
  expect(decide([when('context has body && context.ok == 1')], context).decision).toBe('allow');
  for (const condition of [
    'context.body like "*"',
    'context.body == "x"',
    'context.list.contains("z")',
    'context.list == ["z"]',
    'context.list.containsAny(["a","b","c","d","e","f","g","h","i","j"])',
  ]) {
    const verdict = decide(
      [allow, `forbid(principal, action, resource) when { ${condition} };`],
      context,
    );
    expect({ condition, decision: verdict.decision, aborted: verdict.aborted }).toEqual({
      condition,
      decision: 'deny',
      aborted: 'a policy reads a string that is longer than the limit',
    });
  }
  expect(toRecord(context, { oversize: 'refuse' }).ok).toBe(false);
  expect(toValue('x'.repeat(100_000))).toMatchObject({ value: new OversizeString(100_000) });
});

test('a decision that would take too much work is denied, whatever is permitted', () => {
  const big = {
    a: Array.from({ length: 4_000 }, (_, i) => `item ${i}`),
    b: Array.from({ length: 4_000 }, (_, i) => `other ${i}`),
  };
  const texts = [
    'permit(principal, action, resource);',
    when('context.a.containsAny(context.b)'),
    when('context.a == context.b'),
  ];
  expect(decide(texts, big).decision).toBe('allow');
  expect(decide(texts, big, 1_000)).toMatchObject({
    decision: 'deny',
    reasons: [],
    aborted: expect.any(String),
  });
});

test('work is linear: large sets are compared without comparing every pair', () => {
  const a = Array.from({ length: 4_900 }, (_, i) => i);
  const nested = (n: number) => ({ ids: a.map((i) => (i * 11) % 4_900).concat(n) });
  const context = { x: { ids: [...a, 1] }, y: nested(2) };
  expect(decide([when('context.x == context.y')], context).decision).toBe('allow');
});

test('many wildcards on a long string cost one pass', () => {
  const text = 'a'.repeat(60_000);
  const pattern = '*a'.repeat(100);
  expect(decide([when(`context.s like "${pattern}b"`)], { s: text })).toEqual({
    decision: 'deny',
    reasons: [],
    errors: [],
  });
});

test('the work of `like` is charged', () => {
  const texts = Array.from({ length: 50 }, () => when('context.s like "*b*"'));
  expect(decide(texts, { s: 'a'.repeat(60_000) }).aborted).toBeDefined();
});

test('an exception inside the evaluator is a deny', () => {
  const policy = mustCompile('p', 'permit(principal, action, resource);');
  const broken = {
    ...policy,
    tests: [
      () => {
        throw new RangeError('Maximum call stack size exceeded');
      },
    ],
  };
  const set = PolicySet.empty.with({ put: [broken] });
  if (!set.ok) throw new Error('setup');
  expect(
    authorize(
      { policies: set.value, entities: EntitySnapshot.empty },
      { ...UIDS, context: CedarRecord.empty },
    ),
  ).toEqual({ decision: 'deny', reasons: [], errors: [], aborted: 'the evaluator failed' });
});

const literal = (value: unknown) => ({
  effect: 'permit',
  principal: { op: 'All' },
  action: { op: 'All' },
  resource: { op: 'All' },
  conditions: [{ kind: 'when', body: value }],
});

test.each([
  ['an integer that JSON rounded', { Value: 2 ** 53 }],
  ['`__expr`', { Value: { __expr: 'true' } }],
  ['null', { Value: null }],
  ['an unknown operator', { xor: { left: { Value: true }, right: { Value: true } } }],
  ['a slot in a condition', { Slot: '?principal' }],
  ['an unknown variable', { Var: 'world' }],
  ['two operators at once', { Value: true, Var: 'context' }],
  ['an operator from the prototype', { constructor: [] }],
  ['a lone surrogate', { Value: '\ud800' }],
  ['a missing operand', { '!': {} }],
  ['no expression', 7],
])('loading refuses %s', (_, body) => {
  expect(compilePolicy('p', literal(body)).ok).toBe(false);
  expect(compilePolicy('p', literal({ '||': { left: { Value: true }, right: body } })).ok).toBe(
    false,
  );
});

test('loading refuses more expression nodes than the limit, without overflowing the stack', () => {
  let deep: unknown = { Value: true };
  for (let i = 0; i < 50_000; i++) deep = { '!': { arg: deep } };
  expect(compilePolicy('p', literal(deep))).toMatchObject({
    ok: false,
    error: { problem: 'more than 500 expression nodes' },
  });
  expect(compilePolicy('p', literal({ Value: new Array(501).fill(1) })).ok).toBe(false);
  let chain: unknown = { Value: true };
  for (let i = 0; i < 240; i++) chain = { '&&': { left: chain, right: { Value: true } } };
  expect(compilePolicy('p', literal(chain)).ok).toBe(true);
});

test('unsafe integer literals are found with their place, but not in strings, names and comments', () => {
  const text =
    'permit(principal, action, resource)\nwhen { 9007199254740991 < 9007199254740992 // 99999999999999999999\n  && "9999999999999999999" == context.a99999999999999999999 && 00000000000000000001 == 18446744073709551616 };';
  expect(lexUnsafeIntegers(text)).toEqual([
    { text: '9007199254740992', line: 2, column: 27 },
    { text: '18446744073709551616', line: 3, column: 88 },
  ]);
  expect(lexUnsafeIntegers('"a\\"9999999999999999999')).toEqual([]);
});

test('nesting counts brackets and prefix operators outside strings and comments', () => {
  expect(
    maxNesting(
      'permit(principal, action, resource) when { [((1))].contains("((((((") }; // ((((((',
    ),
  ).toBe(4);
  expect(maxNesting('when { !!!!-(true) }')).toBe(6);
  expect(maxNesting('when { 1 - 1 - 1 - 1 }')).toBe(2);
  expect(maxNesting(')'.repeat(10))).toBe(0);
  expect(maxNesting('('.repeat(200))).toBe(200);
});

test('conversion never throws and never lets an entity or extension value out of plain JSON', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const converted = toValue(JSON.parse(text), { nulls: 'omit', fractions: 'decimal' });
      if (converted.ok)
        expect(JSON.stringify(converted.value) ?? '').not.toMatch(
          /"kind":"(entity|datetime|ipaddr|duration)"/,
        );
    }),
  );
});
