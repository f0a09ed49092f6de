import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sha256Base64Url, sha256Hex, timingSafeEqualText } from './hash.ts';

describe('hash', () => {
  test('is SHA-256 of the UTF-8 bytes', () => {
    expect(sha256Hex('abc')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(sha256Hex(text)).toBe(sha256Hex(new TextEncoder().encode(text)));
        expect(sha256Base64Url(text)).toBe(createHash('sha256').update(text).digest('base64url'));
      }),
    );
  });

  test('compares like === for any two strings, lone surrogates included', () => {
    expect(timingSafeEqualText('\ud800', '\ufffd')).toBe(false);
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 3 }),
        fc.string({ unit: 'binary', maxLength: 3 }),
        (a, b) => {
          expect(timingSafeEqualText(a, b)).toBe(a === b);
          expect(timingSafeEqualText(a, a)).toBe(true);
        },
      ),
    );
  });
});
