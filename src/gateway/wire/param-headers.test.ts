import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RawJson } from '../model.ts';
import { checkParamHeaders, paramHeadersFor, readParamHeaders } from './param-headers.ts';
import { rawOf } from './raw-json.ts';

const tool = (inputSchema: object): RawJson => rawOf({ name: 't', inputSchema });
const region = { type: 'string', 'x-mcp-header': 'Region' };
const object = (properties: object): object => ({ type: 'object', properties });

describe('x-mcp-header declarations', () => {
  test('nested properties are found with their path', () => {
    const read = readParamHeaders(
      tool(object({ a: region, b: object({ n: { type: 'integer', 'x-mcp-header': 'N-1' } }) })),
    );
    expect(read).toEqual({
      ok: true,
      value: [
        { header: 'mcp-param-region', path: ['a'], type: 'string' },
        { header: 'mcp-param-n-1', path: ['b', 'n'], type: 'integer' },
      ],
    });
  });

  test.each([
    ['empty', object({ a: { type: 'string', 'x-mcp-header': '' } })],
    ['no token', object({ a: { type: 'string', 'x-mcp-header': 'a b' } })],
    ['line end', object({ a: { type: 'string', 'x-mcp-header': 'a\r\nb' } })],
    ['no string', object({ a: { type: 'string', 'x-mcp-header': 1 } })],
    ['twice ignoring case', object({ a: region, b: { type: 'string', 'x-mcp-header': 'REGION' } })],
    ['on a number', object({ a: { type: 'number', 'x-mcp-header': 'A' } })],
    ['on a type list', object({ a: { type: ['string', 'null'], 'x-mcp-header': 'A' } })],
    ['without a type', object({ a: { 'x-mcp-header': 'A' } })],
    ['in items', object({ a: { type: 'array', items: region } })],
    ['in prefixItems', object({ a: { type: 'array', prefixItems: [region] } })],
    ['in anyOf', { ...object({}), anyOf: [object({ a: region })] }],
    ['in else', { ...object({}), else: object({ a: region }) }],
    ['in $defs', { ...object({ a: { $ref: '#/$defs/r' } }), $defs: { r: region } }],
    ['in patternProperties', { ...object({}), patternProperties: { a: region } }],
    ['in additionalProperties', { ...object({}), additionalProperties: region }],
    ['under an unknown keyword', { ...object({}), foo: object({ a: region }) }],
    ['at the root', { ...object({}), 'x-mcp-header': 'A' }],
  ])('invalid: %s', (_name, schema) => {
    expect(readParamHeaders(tool(schema)).ok).toBe(false);
  });

  test('data and property names that only look like the keyword are left alone', () => {
    const schema = object({
      'x-mcp-header': { type: 'string' },
      b: { type: 'object', default: { 'x-mcp-header': 1 }, enum: [{ 'x-mcp-header': '' }] },
    });
    expect(readParamHeaders(tool(schema))).toEqual({ ok: true, value: [] });
  });

  test('an escaped keyword is a keyword', () => {
    const raw =
      '{"name":"t","inputSchema":{"properties":{"a":{"type":"string","\\u0078-mcp-header":""}}}}' as RawJson;
    expect(readParamHeaders(raw).ok).toBe(false);
  });

  test('a tool without declarations or schema has none', () => {
    expect(readParamHeaders(rawOf({ name: 't' }))).toEqual({ ok: true, value: [] });
  });
});

describe('headers and arguments', () => {
  const spec = [
    { header: 'mcp-param-s', path: ['s'], type: 'string' as const },
    { header: 'mcp-param-i', path: ['o', 'i'], type: 'integer' as const },
    { header: 'mcp-param-b', path: ['b'], type: 'boolean' as const },
  ];

  test('headers built from arguments always pass the check, and any change of one fails it', () => {
    fc.assert(
      fc.property(
        fc.record({
          s: fc.option(fc.string()),
          o: fc.record({ i: fc.option(fc.bigInt()) }),
          b: fc.option(fc.boolean()),
        }),
        fc.constantFrom('mcp-param-s', 'mcp-param-i', 'mcp-param-b'),
        fc.oneof(fc.string(), fc.constantFrom('true', 'True', '1', '0x1', '1e0 ', '01')),
        (args, name, other) => {
          const raw = rawOf(args);
          const headers = paramHeadersFor(spec, raw);
          expect(checkParamHeaders(spec, headers, raw).ok).toBe(true);
          const original = headers[name];
          const changed = { ...headers, [name]: other };
          const numeric =
            name === 'mcp-param-i' &&
            /^-?\d+$/.test(other.trim()) &&
            Number(other) === Number(original);
          if (other !== original && !numeric && other !== '1e0 ')
            expect(checkParamHeaders(spec, changed, raw).ok).toBe(false);
          if (original === undefined) return;
          const { [name]: _gone, ...missing } = headers;
          expect(checkParamHeaders(spec, missing, raw).ok).toBe(false);
        },
      ),
    );
  });

  test.each([
    ['42', '42', true],
    ['42.0', '42', true],
    ['42', '42.0', true],
    ['4.2e1', '42', true],
    ['0', '-0', true],
    ['9007199254740993', '9007199254740992', false],
    ['9007199254740993', '9007199254740993', true],
    ['42', '042', false],
    ['42', ' 42', false],
    ['42', '+42', false],
    ['42', '0x2a', false],
    ['1.5', '1.5', true],
    ['1.5', '1.50', false],
  ])('the integer %s against the header %s: %s', (value, header, equal) => {
    const raw = `{"o":{"i":${value}}}` as RawJson;
    expect(checkParamHeaders(spec, { 'mcp-param-i': header }, raw).ok).toBe(equal);
  });

  test('null and absent arguments have no header, composite ones can have none', () => {
    expect(paramHeadersFor(spec, '{"s":null,"b":true}' as RawJson)).toEqual({
      'mcp-param-b': 'true',
    });
    expect(paramHeadersFor(spec, undefined)).toEqual({});
    expect(checkParamHeaders(spec, { 'mcp-param-s': '' }, '{"s":null}' as RawJson).ok).toBe(false);
    expect(checkParamHeaders(spec, {}, '{"s":["x"]}' as RawJson).ok).toBe(false);
    expect(checkParamHeaders(spec, { 'mcp-param-unknown': 'x' }, '{}' as RawJson).ok).toBe(true);
  });
});
