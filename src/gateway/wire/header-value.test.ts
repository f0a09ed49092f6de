import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeHeaderValue, encodeHeaderValue } from './header-value.ts';

describe('header values', () => {
  test('every string survives and travels as visible ASCII without edge blanks', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string(),
          fc.constantFrom('', ' a', 'a ', '=?base64?YQ==?=', '=?base64??=', '\ufeffa', 'a\tb'),
        ),
        (text) => {
          const value = text.toWellFormed();
          const header = encodeHeaderValue(value);
          expect(header).toMatch(/^([\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?)?$/);
          expect(decodeHeaderValue(header)).toBe(value);
        },
      ),
    );
  });

  test('one value has one encoded spelling', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^=\?base64\?[A-Za-z0-9+/=_ -]{0,12}\?=$/), (header) => {
        const value = decodeHeaderValue(header);
        if (value === undefined) return;
        const canonical = `=?base64?${Buffer.from(value).toString('base64')}?=`;
        expect(header).toBe(canonical);
      }),
    );
  });

  test.each([
    ['=?base64?YQ?=', undefined],
    ['=?base64?YR==?=', undefined],
    ['=?base64?Y Q==?=', undefined],
    ['=?base64?_-8=?=', undefined],
    ['=?base64?gA==?=', undefined],
    ['=?BASE64?YQ==?=', '=?BASE64?YQ==?='],
    ['=?base64?YQ==', '=?base64?YQ=='],
    ['=?base64??=', ''],
    ['=?base64?=', '=?base64?='],
    ['caf\u00e9', undefined],
  ])('%s reads as %s', (header, value) => {
    expect(decodeHeaderValue(header)).toBe(value);
  });
});
