import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RawJson } from '../model.ts';
import { rawSet } from '../wire/raw-json.ts';
import { scanJson } from '../wire/scan-json.ts';
import { call, fakeClient, json } from './fixtures/scripted.ts';
import { withTrace } from './trace-context.ts';

const PARENT = '00-aa-bb-01';
const traced = (rawParams: string): RawJson | undefined => {
  const { request, target } = call(fakeClient(), { rawParams, traceparent: PARENT });
  return withTrace(request, target);
};

describe('trace context', () => {
  it.each([
    ['{}', '{"_meta":{"traceparent":"00-aa-bb-01"}}'],
    ['{ }', '{ "_meta":{"traceparent":"00-aa-bb-01"}}'],
    ['{"a":1}', '{"a":1,"_meta":{"traceparent":"00-aa-bb-01"}}'],
    ['{"_meta" : { } , "a":1}', '{"_meta" : { "traceparent":"00-aa-bb-01"} , "a":1}'],
    ['{"a":{"_meta":{}}}', '{"a":{"_meta":{}},"_meta":{"traceparent":"00-aa-bb-01"}}'],
    ['{"a\\"_meta":{}}', '{"a\\"_meta":{},"_meta":{"traceparent":"00-aa-bb-01"}}'],
    ['{"a":"_meta"}', '{"a":"_meta","_meta":{"traceparent":"00-aa-bb-01"}}'],
    ['{"\\u005fmeta":{"x":1}}', '{"\\u005fmeta":{"x":1,"traceparent":"00-aa-bb-01"}}'],
    [
      '{"_meta":{"traceparent":"00-aa-bb-01"},"a":1}',
      '{"_meta":{"traceparent":"00-aa-bb-01"},"a":1}',
    ],
  ])('goes into %s as %s', (params, expected) => {
    expect(traced(params)).toBe(expected);
  });

  it('finds _meta wherever it stands and touches nothing else', () => {
    const key = fc.oneof(fc.constantFrom('_meta', 'a"_meta', '\\_meta', 'x'), fc.string());
    const value = fc.oneof(
      fc.constant({}),
      fc.jsonValue({ maxDepth: 2 }),
      fc.dictionary(key, fc.constantFrom<unknown>('_meta', '"_meta":{', { _meta: {} }, 1)),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(key, value), { maxLength: 5 }),
        fc.boolean(),
        (entries, spaced) => {
          const text = JSON.stringify(Object.fromEntries(entries), undefined, spaced ? 1 : 0);
          const scanned = scanJson(text);
          if (!scanned.ok) return;
          const got = traced(scanned.value);
          const meta = json(scanned.value)['_meta'];
          const isObject = typeof meta === 'object' && meta !== null && !Array.isArray(meta);
          const next = JSON.stringify({ ...(isObject ? meta : {}), traceparent: PARENT });
          // The oracle: the general splice, compared as values where spacing inside `_meta` may differ.
          expect(json(got)).toEqual(json(rawSet(scanned.value, '_meta', next as RawJson)));
          expect(scanJson(got ?? '').ok).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});
