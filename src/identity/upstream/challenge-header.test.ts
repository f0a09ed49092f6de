import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseChallenges, readDemand, splitScopes } from './challenge-header.ts';

const plain = (header: string) =>
  parseChallenges(header).map(({ scheme, params }) => [scheme, Object.fromEntries(params)]);

test.each([
  ['Bearer', [['bearer', {}]]],
  ['Bearer realm="a, b", scope=x', [['bearer', { realm: 'a, b', scope: 'x' }]]],
  ['bearer Scope = "a b" , error="x\\"y"', [['bearer', { scope: 'a b', error: 'x"y' }]]],
  [
    'Negotiate abc==, Bearer error="e"',
    [
      ['negotiate', {}],
      ['bearer', { error: 'e' }],
    ],
  ],
  [
    'Basic realm="x", DPoP algs="ES256", error="use_dpop_nonce"',
    [
      ['basic', { realm: 'x' }],
      ['dpop', { algs: 'ES256', error: 'use_dpop_nonce' }],
    ],
  ],
  ['Bearer scope="a", scope="b"', [['bearer', { scope: 'a' }]]],
  ['Bearer scope="never closed', [['bearer', {}]]],
  ['', []],
])('reads %s', (header, expected) => {
  expect(plain(header)).toEqual(expected);
});

test('takes parameters of other schemes for nothing', () => {
  expect(readDemand('Basic scope="a", error="insufficient_scope"')).toEqual({
    error: undefined,
    scopes: undefined,
    resourceMetadata: undefined,
  });
});

test('never throws and never gives what is no scope, whatever the header', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
      parseChallenges(text);
      for (const scope of readDemand(`Bearer scope="${text}"`).scopes ?? [])
        expect(scope).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]+$/);
    }),
  );
});

test('is done with a hostile header of full length in one pass', () => {
  for (const part of ['Bearer ', '"\\', 'a=', ',', ' \t', 'a=", '])
    expect(parseChallenges(part.repeat(8_192 / part.length)).length).toBeLessThanOrEqual(8);
  expect(parseChallenges('Bearer '.repeat(2_000))).toEqual([]);
});

test('bounds the number of scopes and drops doubles', () => {
  expect(splitScopes('a b a')).toEqual(['a', 'b']);
  expect(splitScopes(Array.from({ length: 500 }, (_, i) => `s${i}`).join(' '))).toHaveLength(100);
});
