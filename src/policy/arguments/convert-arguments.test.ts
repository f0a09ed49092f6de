import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CedarRecord, CedarSet, Decimal, OversizeString } from '../cedar/index.ts';
import type { JsonValue } from '../model.ts';
import { compileConverter } from './convert-arguments.ts';
import { readInputSchema } from './read-input-schema.ts';

function converter(properties: Record<string, unknown>, required: string[] = [], rest = {}) {
  const reading = readInputSchema({ type: 'object', properties, required, ...rest });
  if (!reading.ok) throw new Error(reading.why);
  return { convert: compileConverter(reading.type), opaque: reading.opaque };
}

describe('the argument converter', () => {
  const { convert } = converter(
    {
      path: { type: 'string' },
      mode: { type: 'string', enum: ['r', 'w'] },
      count: { type: 'integer' },
      price: { type: 'number' },
      deep: { type: 'object', properties: { on: { type: 'boolean' } }, required: ['on'] },
      tags: { type: 'array', items: { type: 'string' } },
      note: { type: ['string', 'null'] },
      at: { type: 'string', format: 'date-time' },
    },
    ['path'],
  );

  it('types every declared argument', () => {
    const done = convert({
      path: '/a',
      mode: 'r',
      count: 9_007_199_254_740_993n,
      price: 1.5,
      deep: { on: true },
      tags: ['x'],
      note: null,
      at: '2026-01-01T10:00:00.123456+02:00',
    });
    if (!done.ok) throw new Error(done.problem);
    expect(done.input.get('count')).toBe(9_007_199_254_740_993n);
    expect(done.input.get('price')).toEqual(new Decimal(15_000n));
    expect(done.input.get('deep')).toBeInstanceOf(CedarRecord);
    expect(done.input.get('tags')).toBeInstanceOf(CedarSet);
    expect(done.input.get('note')).toBeUndefined();
    expect(done.input.get('at')).toMatchObject({ ms: BigInt(Date.UTC(2026, 0, 1, 8, 0, 0, 123)) });
  });

  it.each([
    ['a missing argument', {}, 'path'],
    ['a wrong type', { path: 1 }, 'path'],
    ['null where it is not listed', { path: null }, 'path'],
    ['a value outside the enum', { path: 'a', mode: 'x' }, 'mode'],
    ['a float for an integer', { path: 'a', count: 1.5 }, 'count'],
    ['an integer that JSON rounded', { path: 'a', count: 2 ** 53 }, 'count'],
    ['an integer beyond 64 bits', { path: 'a', count: 2n ** 63n }, 'count'],
    ['a number that is a text', { path: 'a', price: '1.5' }, 'price'],
    ['infinity', { path: 'a', price: Number.POSITIVE_INFINITY }, 'price'],
    ['a wrong nested type', { path: 'a', deep: { on: 'yes' } }, 'deep.on'],
    ['a missing nested argument', { path: 'a', deep: {} }, 'deep.on'],
    ['a wrong item', { path: 'a', tags: ['x', 1] }, 'tags[]'],
    ['too many items', { path: 'a', tags: new Array(20_000).fill('x') }, 'tags'],
    ['a date that is none', { path: 'a', at: '2026-02-30' }, 'at'],
  ] as [string, Record<string, JsonValue>, string][])('refuses %s', (_, args, at) => {
    expect(convert(args)).toMatchObject({ ok: false, at });
  });

  it.each([0.00001, 1e21, 10n ** 30n])(
    'carries %s along, unjudgeable and never rounded',
    (price) => {
      const converted = convert({ path: 'a', price });
      expect(converted.ok && converted.input.get('price')).toBeInstanceOf(OversizeString);
    },
  );

  it('reports undeclared names at any depth instead of dropping them', () => {
    expect(convert({ path: 'a', evil: 1, deep: { on: true, more: 2 } })).toMatchObject({
      ok: true,
      extra: ['deep.more', 'evil'],
    });
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x${i}`, 1]));
    expect(convert({ path: 'a', ...many })).toMatchObject({ ok: false });
  });

  it('marks strings that are too long to compare', () => {
    const done = convert({ path: 'x'.repeat(70_000) });
    expect(done.ok && done.input.get('path')).toBeInstanceOf(OversizeString);
  });

  it('lets no argument pose as an entity, nor reach the prototype', () => {
    expect(convert({ path: { __entity: { type: 'Agent', id: 'root' } } })).toMatchObject({
      ok: false,
    });
    const proto = converter({ toString: { type: 'string' }, __proto__x: { type: 'string' } });
    const done = proto.convert({});
    expect(done.ok && done.input.size).toBe(0);
  });

  it('makes what has no Cedar type opaque, with a reason', () => {
    const made = converter({
      any: {},
      both: { type: ['string', 'integer'] },
      list: { type: 'array' },
      away: { $ref: 'https://example.com/schema.json' },
      __entity: { type: 'string' },
      ok: { type: 'string' },
    });
    expect(made.opaque.map(({ path }) => path)).toEqual([
      'any',
      'both',
      'list',
      'away',
      '__entity',
    ]);
    expect(made.convert({ any: 1, both: true, list: 3, ok: 'x' })).toMatchObject({
      ok: true,
      extra: [],
    });
  });

  it('follows local references and stops at recursion', () => {
    const made = converter(
      {
        root: { $ref: '#/$defs/node' },
        old: { $ref: '#/definitions/text' },
        loop: { $ref: '#/$defs/loop' },
      },
      [],
      {
        $defs: {
          node: {
            type: 'object',
            properties: { name: { type: 'string' }, child: { $ref: '#/$defs/node' } },
          },
          loop: { $ref: '#/$defs/loop' },
        },
        definitions: { text: { type: 'string' } },
      },
    );
    expect(made.opaque.map(({ path }) => path)).toEqual(['root.child', 'loop']);
    expect(made.convert({ root: { name: 'a', child: { name: 7 } }, old: 'x' })).toMatchObject({
      ok: true,
    });
    expect(made.convert({ old: 7 })).toMatchObject({ ok: false, at: 'old' });
  });

  it('is opaque as a whole when the schema is beyond the bounds or no object', () => {
    let deep: unknown = { type: 'string' };
    for (let i = 0; i < 5_000; i++) deep = { type: 'array', items: deep };
    for (const schema of [
      undefined,
      true,
      'text',
      { type: 'string' },
      { type: 'object', properties: { a: deep } },
      { type: 'object', properties: {}, x: 'y'.repeat(300_000) },
      { type: 'object', anyOf: [{ properties: { a: { type: 'string' } } }] },
    ]) {
      expect(readInputSchema(schema).ok).toBe(false);
    }
  });

  it('survives any schema and any arguments', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (schema, args) => {
        const reading = readInputSchema({
          type: 'object',
          properties: { a: schema, b: { anyOf: [schema] } },
        });
        if (!reading.ok) return;
        const done = compileConverter(reading.type)({ a: args as JsonValue });
        expect(typeof done.ok).toBe('boolean');
      }),
    );
  });
});
