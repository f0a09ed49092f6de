import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RawJson } from '../model.ts';
import {
  parseRaw,
  rawArray,
  rawAsString,
  rawDelete,
  rawGet,
  rawItems,
  rawKind,
  rawMembers,
  rawObject,
  rawOf,
  rawSet,
  rawString,
  scanJson,
} from './raw-json.ts';

const raw = (text: string): RawJson => {
  const scanned = scanJson(text);
  if (!scanned.ok) throw new Error(scanned.error.problem);
  return scanned.value;
};
const problem = (text: string, limits?: Parameters<typeof scanJson>[1]): string => {
  const scanned = scanJson(text, limits);
  return scanned.ok ? 'ok' : scanned.error.kind;
};

/** JSON text in spellings JSON.stringify never writes: blanks, escapes, odd numbers. */
const blank = fc.stringMatching(/^[ \t\r\n]{0,2}$/);
const numberText = fc.oneof(
  fc.stringMatching(/^-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?$/),
  fc.constantFrom('9007199254740993', '1.0', '-0', '1e2', '0.10', '123456789012345678901234567890'),
);
const stringText = fc.oneof(
  fc.string({ unit: 'grapheme' }).map((s) => JSON.stringify(s.toWellFormed())),
  fc.constantFrom('"\\u0041"', '"\\/"', '"\\ud83d\\ude00"', '"\\"}]{["', '"__proto__"', '"a\\\\"'),
);
const { value: jsonText } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    numberText,
    stringText,
    fc.constantFrom('true', 'false', 'null', '{}', '[]'),
    fc
      .tuple(fc.array(tie('value'), { maxLength: 4 }), blank)
      .map(([items, b]) => `[${b}${items.join(`${b},${b}`)}${b}]`),
    fc
      .tuple(
        fc.uniqueArray(fc.tuple(stringText, tie('value')), {
          maxLength: 4,
          selector: ([k]) => JSON.parse(k) as string,
        }),
        blank,
      )
      .map(
        ([members, b]) =>
          `{${b}${members.map(([k, v]) => `${k}${b}:${b}${v}`).join(`${b},${b}`)}${b}}`,
      ),
  ),
}));
const objectText = fc
  .tuple(
    fc.uniqueArray(fc.tuple(stringText, jsonText), {
      maxLength: 6,
      selector: ([k]) => JSON.parse(k) as string,
    }),
    blank,
  )
  .map(
    ([members, b]) => `{${b}${members.map(([k, v]) => `${k}${b}:${b}${v}`).join(`${b},${b}`)}${b}}`,
  );

describe('strict scan', () => {
  test('what JSON.parse refuses is refused, on mutated texts too', () => {
    fc.assert(
      fc.property(
        jsonText,
        fc.nat(),
        fc.constantFrom('', '"', '\\', '{', ']', ',', '0', '\u0000', 'e', '\ufeff', '\ud800'),
        (text, at, piece) => {
          const cut = at % (text.length + 1);
          const mutated = text.slice(0, cut) + piece + text.slice(cut + 1);
          if (!scanJson(mutated).ok) return;
          expect(() => JSON.parse(mutated)).not.toThrow();
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('valid JSON in any spelling passes unchanged', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        expect(raw(` ${text}\n`)).toBe(text);
      }),
    );
  });

  test.each([
    ['{"a":1,"a":2}', 'duplicate'],
    ['{"a":1,"\\u0061":2}', 'duplicate'],
    ['{"x":{"b":1,"b":1}}', 'duplicate'],
    [`{${Array.from({ length: 40 }, (_, i) => `"k${i}":0`).join(',')},"k7":1}`, 'duplicate'],
    [`{${Array.from({ length: 40 }, (_, i) => `"k${i}":0`).join(',')},"k39":1}`, 'duplicate'],
    ['"\ud800"', 'surrogate'],
    ['"\\ud800"', 'surrogate'],
    ['"\\udc00"', 'surrogate'],
    ['"\\ud800\\u0041"', 'surrogate'],
    ['"\\ud800x"', 'surrogate'],
    ['{"\\udfff":1}', 'surrogate'],
    ['\ufeff{}', 'syntax'],
    ['{} {}', 'syntax'],
    ['', 'syntax'],
    ['{"a":1,}', 'syntax'],
    ['[01]', 'syntax'],
    ['[+1]', 'syntax'],
    ['[.5]', 'syntax'],
    ['[1.]', 'syntax'],
    ['"\t"', 'syntax'],
    ['"\\x"', 'syntax'],
    ['NaN', 'syntax'],
    ['{a:1}', 'syntax'],
    ['1e999', 'limit'],
    ['[1]//', 'syntax'],
    ['\u00a0{}', 'syntax'],
  ])('%s is refused as %s', (text, kind) => {
    expect(problem(text)).toBe(kind);
  });

  test('depth, length and number length are bounded', () => {
    expect(problem('['.repeat(64) + ']'.repeat(64))).toBe('ok');
    expect(problem('['.repeat(65) + ']'.repeat(65))).toBe('limit');
    expect(problem('['.repeat(100_000))).toBe('limit');
    expect(problem('[1,2]', { maxLength: 4 })).toBe('limit');
    expect(problem('1'.repeat(600))).toBe('limit');
  });

  test('the same key in two objects of one array is no duplicate', () => {
    expect(problem('[{"a":1},{"a":{"a":1}}]')).toBe('ok');
  });
});

describe('splicing', () => {
  test('reading members and items gives the slices JSON.parse sees', () => {
    fc.assert(
      fc.property(objectText, (text) => {
        const parsed = JSON.parse(text) as Record<string, unknown>;
        const members = rawMembers(raw(text));
        expect(
          new Map([...(members ?? [])].map(([k, v]) => [k, JSON.parse(v) as unknown])),
        ).toEqual(new Map(Object.entries(parsed)));
        for (const [key, value] of members ?? []) expect(rawGet(raw(text), key)).toBe(value);
      }),
    );
    fc.assert(
      fc.property(fc.array(jsonText), blank, (items, b) => {
        expect(rawItems(raw(`[${b}${items.join(`${b},${b}`)}${b}]`))).toEqual(items);
      }),
    );
  });

  test('setting one member leaves every other member byte for byte', () => {
    fc.assert(
      fc.property(
        objectText,
        jsonText,
        fc.oneof(fc.constantFrom('a', '__proto__', 'new'), fc.string()),
        (text, value, anyKey) => {
          const key = anyKey.toWellFormed();
          const before = rawMembers(raw(text)) ?? new Map();
          const changed = rawSet(raw(text), key, raw(value));
          expect(scanJson(changed).ok).toBe(true);
          const after = rawMembers(changed) ?? new Map();
          expect(after.get(key)).toBe(value);
          expect([...after.keys()]).toEqual([...new Set([...before.keys(), key])]);
          for (const [k, v] of before) if (k !== key) expect(after.get(k)).toBe(v);
          const restored = before.has(key)
            ? rawSet(changed, key, before.get(key))
            : rawDelete(changed, key);
          expect([...(rawMembers(restored) ?? [])]).toEqual([...before]);
          if (before.has(key)) expect(restored).toBe(text);
        },
      ),
    );
  });

  test('deleting any member leaves valid JSON with the others as they were', () => {
    fc.assert(
      fc.property(objectText, fc.nat(), (text, pick) => {
        const before = rawMembers(raw(text)) ?? new Map<string, RawJson>();
        const key = [...before.keys()][pick % Math.max(1, before.size)];
        if (key === undefined) return;
        const after = rawDelete(raw(text), key);
        expect(scanJson(after).ok).toBe(true);
        before.delete(key);
        expect([...(rawMembers(after) ?? [])]).toEqual([...before]);
      }),
    );
  });

  test('an absent key and a non-object change nothing', () => {
    expect(rawDelete(raw('{"a":1}'), 'b')).toBe('{"a":1}');
    expect(rawSet(raw('[1]'), 'b', raw('1'))).toBe('[1]');
    expect(rawMembers(raw('[1]'))).toBeUndefined();
    expect(rawItems(raw('{}'))).toBeUndefined();
    expect(rawGet(raw('"a"'), 'a')).toBeUndefined();
  });
});

describe('values', () => {
  test('parsing keeps big integers and hostile keys', () => {
    const value = parseRaw(
      raw(
        '{"n":9007199254740993,"m":-9007199254740992,"f":1.0,"__proto__":{"x":[]},"s":"\\u0041"}',
      ),
    );
    expect(value).toEqual({
      n: 9007199254740993n,
      m: -9007199254740992n,
      f: 1,
      ['__proto__']: { x: [] },
      s: 'A',
    });
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  test('apart from big integers parsing equals JSON.parse', () => {
    const relax = (value: unknown): unknown =>
      typeof value === 'bigint'
        ? Number(value)
        : Array.isArray(value)
          ? value.map(relax)
          : typeof value === 'object' && value !== null
            ? Object.entries(value).map(([k, v]) => [k, relax(v)])
            : value;
    fc.assert(
      fc.property(jsonText, (text) => {
        expect(relax(parseRaw(raw(text)))).toEqual(relax(JSON.parse(text)));
      }),
    );
  });

  test('strings survive both ways and lone surrogates never get out', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(rawAsString(rawString(text))).toBe(text.toWellFormed());
        expect(scanJson(rawString(text)).ok).toBe(true);
        expect(scanJson(rawOf({ a: [text] })).ok).toBe(true);
      }),
    );
    expect(rawString('\ud800')).toBe('"\ufffd"');
    expect(rawAsString(raw('1'))).toBeUndefined();
  });

  test('values of ours become JSON with all digits', () => {
    expect(rawOf({ a: 9007199254740993n, b: ['x', null, true] })).toBe(
      '{"a":9007199254740993,"b":["x",null,true]}',
    );
    expect(() => rawOf(undefined)).toThrow(TypeError);
    expect(
      rawObject([
        ['a"', raw('1.0')],
        ['b', raw('[ ]')],
      ]),
    ).toBe('{"a\\"":1.0,"b":[ ]}');
    expect(rawArray([raw('1'), raw('{}')])).toBe('[1,{}]');
  });

  test.each([
    ['{}', 'object'],
    ['[]', 'array'],
    ['""', 'string'],
    ['-1', 'number'],
    ['true', 'boolean'],
    ['false', 'boolean'],
    ['null', 'null'],
  ])('%s is a %s', (text, kind) => {
    expect(rawKind(raw(text))).toBe(kind);
  });
});

describe('the number of values', () => {
  const scan = (text: string) => scanJson(text, { maxValues: 4 });

  test('is unlimited unless told', () => {
    expect(scanJson(`[${'1,'.repeat(10_000)}1]`).ok).toBe(true);
  });

  test.each(['[1,2,3]', '{"a":[1,2]}', '[[[1]]]'])('at the limit passes: %s', (text) => {
    expect(scan(text).ok).toBe(true);
  });

  test.each(['[1,2,3,4]', '{"a":[1,2,3]}', '[[[[1]]]]'])('beyond it is refused: %s', (text) => {
    expect(scan(text)).toMatchObject({ ok: false, error: { kind: 'limit' } });
  });
});
