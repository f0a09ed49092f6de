import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from './canonical-json.ts';
import { isAppError } from './errors/app-error.ts';

const refuses = (value: unknown): void => {
  let thrown: unknown;
  try {
    canonicalJson(value);
  } catch (error) {
    thrown = error;
  }
  expect(isAppError(thrown) && thrown.code).toBe('NOT_CANONICAL');
};

describe('canonical JSON', () => {
  test('sorts keys by UTF-16 code units, as the example of RFC 8785 section 3.2.3', () => {
    const value = {
      '€': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew',
      '1': 'One',
      '😀': 'Smiley',
      '\u0080': 'Control',
      ö: 'O',
    };
    expect(Object.keys(JSON.parse(canonicalJson(value)))).toEqual([
      '1',
      '\r',
      '\u0080',
      'ö',
      '€',
      '😀',
      '\ufb33',
    ]);
    expect(canonicalJson(value).indexOf('"\\r"')).toBeLessThan(canonicalJson(value).indexOf('"1"'));
  });

  test('prints numbers as RFC 8785 appendix B', () => {
    const cases: [number, string][] = [
      [-0, '0'],
      [5e-324, '5e-324'],
      [1.7976931348623157e308, '1.7976931348623157e+308'],
      [9007199254740992, '9007199254740992'],
      [295147905179352830000, '295147905179352830000'],
      [1e23, '1e+23'],
      [333333333.3333332, '333333333.3333332'],
      [0.000001, '0.000001'],
    ];
    for (const [value, text] of cases) expect(canonicalJson(value)).toBe(text);
  });

  test('keeps every digit of a bigint', () => {
    expect(canonicalJson({ n: 123456789012345678901234567890n })).toBe(
      '{"n":123456789012345678901234567890}',
    );
  });

  test('escapes as little as the RFC allows', () => {
    expect(canonicalJson('\u20ac$\u000f\nA\'B"\\\\"/')).toBe('"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"');
  });

  test('refuses what JSON cannot carry', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    // biome-ignore lint/suspicious/noSparseArray: the hole is the case
    const hole = [1, , 2];
    for (const value of [
      NaN,
      Infinity,
      undefined,
      { a: undefined },
      hole,
      () => 1,
      Symbol('x'),
      '\ud800',
      { '\udc00': 1 },
      new Date(0),
      new Map(),
      cycle,
    ])
      refuses(value);
  });

  test('refuses depth 129 and accepts depth 128', () => {
    const nest = (depth: number): unknown => (depth === 0 ? 1 : [nest(depth - 1)]);
    expect(canonicalJson(nest(128))).toContain('1');
    refuses(nest(129));
  });

  test('ends a blow-up of shared references early', () => {
    let value: unknown = 'x'.repeat(1000);
    for (let i = 0; i < 60; i++) value = [value, value];
    refuses(value);
  });

  test('writes a property named __proto__ like any other', () => {
    expect(canonicalJson(JSON.parse('{"b":1,"__proto__":{"a":1}}'))).toBe(
      '{"__proto__":{"a":1},"b":1}',
    );
  });

  test('round-trips any JSON value and does not depend on key order', () => {
    const shuffled = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(shuffled);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([k, v]) => [k, shuffled(v)]),
      );
    };
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(shuffled(value))).toBe(text);
      }),
    );
  });
});
