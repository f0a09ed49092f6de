import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { admits, impliesConstraint } from './constraint.ts';
import { type AgentToolDetail, type Constraint, readDetails } from './details.ts';
import { isPlainPath } from './plain-path.ts';
import { allowing, narrow, type Rights } from './rights.ts';
import { implies } from './subsume.ts';

const raw = (over: object = {}): Record<string, unknown> => ({
  type: 'agent_tool',
  server: 'github',
  tools: ['read'],
  use: true,
  delegate: 1,
  args: {},
  ...over,
});
const one = (over: object = {}): AgentToolDetail => {
  const read = readDetails([raw(over)]);
  if (!read.ok) throw new Error(read.problem);
  return read.details[0]!;
};
const rights = (...details: AgentToolDetail[]): Rights => ({
  details,
  counters: details.map(() => []),
});

describe('the schema of authorization_details', () => {
  test.each<[string, unknown]>([
    ['a negative delegate', raw({ delegate: -1 })],
    ['a fraction of a level', raw({ delegate: 0.9 })],
    ['a delegate that is a string', raw({ delegate: '1' })],
    ['a delegate beyond every chain', raw({ delegate: 9 })],
    ['no delegate', raw({ delegate: undefined })],
    ['a use that is only truthy', raw({ use: 1 })],
    ['an unknown member', raw({ argz: {} })],
    ['another type', raw({ type: 'payment' })],
    ['no tools', raw({ tools: [] })],
    ['a wildcard among names', raw({ tools: ['*', 'read'] })],
    ['a server with a slash', raw({ server: 'a/b' })],
    ['a wildcard server', raw({ server: '*' })],
    ['an unknown operator', raw({ args: { a: { regex: '.*' } } })],
    ['two operators', raw({ args: { a: { eq: 1, in: [1] } } })],
    ['an operator with a range', raw({ args: { a: { prefix: 'acme', min: 1 } } })],
    ['no operator', raw({ args: { a: {} } })],
    ['a fractional bound', raw({ args: { a: { max: 2.5 } } })],
    ['a bound that is no safe integer', raw({ args: { a: { max: 2 ** 53 } } })],
    ['an empty range', raw({ args: { a: { min: 2, max: 1 } } })],
    ['a null to be equal to', raw({ args: { a: { eq: null } } })],
    ['no values', raw({ args: { a: { in: [] } } })],
    ['an empty prefix', raw({ args: { a: { prefix: '' } } })],
    ['a prefix with dots', raw({ args: { a: { prefix: 'acme/.' } } })],
    ['a prefix that climbs', raw({ args: { a: { prefix: 'acme/../x' } } })],
    ['a prefix with an escape', raw({ args: { a: { prefix: 'acme/%2e' } } })],
    ['a prefix with a backslash', raw({ args: { a: { prefix: 'acme\\x' } } })],
    ['a prefix with a NUL', raw({ args: { a: { prefix: 'acme\u0000' } } })],
    [
      'an argument called __proto__',
      JSON.parse(
        '{"type":"agent_tool","server":"s","tools":["t"],"use":true,"delegate":0,"args":{"__proto__":{"eq":1}}}',
      ),
    ],
    ['limits of nothing', raw({ limits: { calls: 0 } })],
    ['a limit of spend, which nobody counts', raw({ limits: { calls: 1, spend: 5 } })],
    ['an array for an object', []],
    ['null', null],
  ])('refuses %s', (_name, value) => {
    expect(readDetails([value])).toMatchObject({ ok: false });
  });

  test.each([[null], [{}], ['x'], [[]], [Array.from({ length: 17 }, () => raw())]])(
    'refuses %j as a whole',
    (value) => expect(readDetails(value)).toMatchObject({ ok: false }),
  );

  test('never throws and never repeats what it was given', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ minLength: 12 }), (value, secret) => {
        const outcome = readDetails([value, { [secret]: secret }]);
        expect(outcome.ok).toBe(false);
        if (!outcome.ok) expect(outcome.problem).not.toContain(secret);
      }),
    );
  });

  test('reads back what it wrote', () => {
    const read = readDetails([raw({ args: { constructor: { prefix: 'acme' }, n: { min: -0 } } })]);
    expect(read.ok && readDetails(JSON.parse(JSON.stringify(read.details)))).toEqual(read);
  });
});

describe('paths', () => {
  test.each([
    ...[
      'acme/./z',
      'acme/../z',
      'acme/..',
      '..',
      'acme/...',
      'acme/.. /z',
      'acme/..;v=1/z',
      'acme//z',
    ],
    ...[
      'acme\\z',
      'acme/%2e%2e/z',
      'acme/%00',
      'acme/\u0000',
      'acme/\uff0e\uff0e/z',
      'a\uff0fb',
      'acme/\u2025',
    ],
    ...['//evil', 'https://a//b'],
  ])('%j is not plain', (path) => expect(isPlainPath(path)).toBe(false));
  test.each([
    'acme',
    'acme/',
    '/acme/x',
    '/',
    'acme/.github/x',
    'https://a.example/b',
    'ünï/x',
    'a/..b',
  ])('%j is plain', (path) => expect(isPlainPath(path)).toBe(true));
  test.each<[string, string, boolean]>([
    ['acme', 'acme', true],
    ['acme', 'acme/x', true],
    ['acme', 'acme-evil/x', false],
    ['acme/', 'acme/x', true],
    ['acme/', 'acme', false],
    ['acme/', 'acme/../z', false],
    ['acme/', 'acme/x/../../z', false],
    ['acme', 'ACME/x', false],
  ])('the prefix %s and the value %s: %s', (prefix, value, expected) =>
    expect(admits({ prefix }, value)).toBe(expected),
  );
  test.each<[string, string, boolean]>([
    ['acme/*', 'acme/x', true],
    ['acme/*', 'acme/x/y', false],
    ['acme/a*c*e', 'acme/abcde', true],
    ['acme/a*c*e', 'acme/ace', true],
    ['acme/a*a', 'acme/a', false],
    ['*', '..', false],
  ])('the pattern %s and the value %s: %s', (pattern, value, expected) =>
    expect(admits({ pattern }, value)).toBe(expected),
  );
  test('a pattern takes time in proportion to the value', () => {
    const value = `${'a'.repeat(4000)}b`;
    expect(admits({ pattern: '*a*a*a*a*a*a*a*a*a*a*a*a*a*a*c' }, value)).toBe(false);
  });
});

describe('subsumption', () => {
  test('a prefix below a longer value of the parent is refused, whatever follows', () => {
    expect(impliesConstraint({ prefix: 'acme/' }, { prefix: 'acme-evil' })).toBe(false);
    expect(impliesConstraint({ prefix: 'acme' }, { prefix: 'acme-evil' })).toBe(false);
    expect(impliesConstraint({ prefix: 'acme' }, { eq: 'acme/../z' })).toBe(false);
  });
  test('numbers, strings and booleans are never each other', () => {
    for (const [a, b] of [
      [1, '1'],
      [true, 'true'],
      [0, false],
      ['', 0],
    ] as const)
      expect(impliesConstraint({ eq: a }, { eq: b })).toBe(false);
    expect(admits({ max: 5 }, '3')).toBe(false);
    expect(admits({ max: 5 }, 10n ** 30n)).toBe(false);
    expect(admits({ min: 5 }, 10n ** 30n)).toBe(true);
  });
  test('a parent that must not call a tool may hand it down, but each level once', () => {
    const coordinator = one({ use: false, delegate: 2 });
    expect(implies(coordinator, one({ use: true, delegate: 1 }), 'handed_down')).toBe(true);
    expect(implies(coordinator, one({ use: true, delegate: 2 }), 'handed_down')).toBe(false);
    expect(implies(one({ delegate: 0 }), one({ delegate: 0 }), 'handed_down')).toBe(false);
    expect(implies(coordinator, one({ use: true, delegate: 2 }), 'within')).toBe(false);
  });
  test('names of the prototype are not arguments', () => {
    const parent = one({ args: { constructor: { eq: 'x' } } });
    expect(implies(parent, one({ delegate: 0, args: {} }), 'handed_down')).toBe(false);
    expect(allowing(rights(parent), { server: 'github', tool: 'read', args: {} })).toBe(
      'arguments',
    );
  });
  test('a child may name one tool of a wildcard, and no wildcard of one tool', () => {
    const all = one({ tools: ['*'] });
    expect(implies(all, one({ delegate: 0 }), 'handed_down')).toBe(true);
    expect(implies(one(), one({ tools: ['*'], delegate: 0 }), 'handed_down')).toBe(false);
  });
  test('what implies, admits less: for random constraints and values', () => {
    const path = fc.constantFrom('acme', 'acme/', 'acme/x', 'acme-evil', 'acme/x/y', 'b');
    const scalar = fc.oneof(path, fc.integer({ min: -3, max: 9 }), fc.boolean());
    const constraint: fc.Arbitrary<Constraint> = fc.oneof(
      scalar.map((eq) => ({ eq })),
      fc.array(scalar, { minLength: 1, maxLength: 3 }).map((values) => ({ in: values })),
      path.map((prefix) => ({ prefix })),
      fc.constantFrom('acme/*', 'acme/x*', '*/x', '*').map((pattern) => ({ pattern })),
      fc.integer({ min: -3, max: 9 }).map((min) => ({ min })),
      fc
        .tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: 3, max: 9 }))
        .map(([min, max]) => ({ min, max })),
    );
    let implied = 0;
    fc.assert(
      fc.property(constraint, constraint, scalar, (parent, child, value) => {
        if (!impliesConstraint(parent, child)) return;
        implied++;
        if (admits(child, value)) expect(admits(parent, value)).toBe(true);
      }),
      { numRuns: 20_000 },
    );
    expect(implied).toBeGreaterThan(500);
  });
});

describe('budgets', () => {
  test('come down from the very detail that the tool comes from, and add up', () => {
    let id = 0;
    const parent: Rights = {
      details: [one({ tools: ['read'] }), one({ tools: ['write'] })],
      counters: [[{ id: 'p.read', calls: 5 }], []],
    };
    const wanted = readDetails([
      raw({ tools: ['read', 'write'], delegate: 0, limits: { calls: 3 } }),
    ]);
    const child = wanted.ok && narrow(parent, wanted.details, 'handed_down', () => `n.${++id}`);
    expect(child).toMatchObject({
      ok: true,
      rights: {
        details: [{ tools: ['read'] }, { tools: ['write'] }],
        counters: [
          [
            { id: 'p.read', calls: 5 },
            { id: 'n.1', calls: 3 },
          ],
          [{ id: 'n.1', calls: 3 }],
        ],
      },
    });
  });
});
