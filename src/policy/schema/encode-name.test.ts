import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeName, encodeName } from './encode-name.ts';

describe('encodeName', () => {
  it('keeps names that Cedar takes', () => {
    for (const name of ['filesystem', 'my_server', 'Git2']) expect(encodeName(name)).toBe(name);
  });

  it('escapes what Cedar refuses, reserved words and shadowed types included', () => {
    expect(encodeName('my-server')).toBe('my_x2d_server');
    expect(encodeName('in')).not.toBe('in');
    expect(encodeName('Agent')).not.toBe('Agent');
    expect(encodeName('2fast')).toBe('_x32_fast');
    expect(encodeName('a_x2d_b')).not.toBe(encodeName('a-b'));
  });

  it('is reversible and yields identifiers for any name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (name) => {
        const identifier = encodeName(name);
        expect(identifier).toMatch(/^[A-Za-z_][A-Za-z0-9_]*$/);
        expect(decodeName(identifier)).toBe(name);
      }),
    );
    fc.assert(
      fc.property(fc.stringMatching(/^[_x0-9a-f-]{0,12}$/), (name) => {
        expect(decodeName(encodeName(name))).toBe(name);
      }),
    );
  });
});
