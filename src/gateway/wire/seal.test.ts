import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFakeClock, createSeededRandom, systemRandom } from '../../kernel/index.ts';
import { createSealer } from './seal.ts';

const key = (id: string, fill: number) => ({ id, secret: new Uint8Array(32).fill(fill) });

describe('sealed tokens', () => {
  const clock = createFakeClock();
  const sealer = createSealer({ keys: [key('a', 1)], random: systemRandom, clock });

  test('open gives back what was sealed, in URL-safe visible ASCII that hides it', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.stringMatching(/^[a-z]{1,8}$/),
          fc.oneof(fc.string(), fc.integer(), fc.boolean()),
        ),
        (payload) => {
          const token = sealer.seal('session', payload, 1_000);
          expect(token).toMatch(/^[A-Za-z0-9._-]+$/);
          expect(sealer.open('session', token)).toEqual(JSON.parse(JSON.stringify(payload)));
        },
      ),
    );
    expect(sealer.seal('session', { secret: 'visible?' }, 1_000)).not.toContain('visible');
  });

  test('any changed character, another kind, key or prefix opens nothing', () => {
    const token = sealer.seal('session', { a: 1 }, 1_000);
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(...'ABab01-_.=+/ '), (at, char) => {
        const changed = token.slice(0, at) + char + token.slice(at + 1);
        if (changed !== token) expect(sealer.open('session', changed)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
    expect(sealer.open('state', token)).toBeUndefined();
    expect(sealer.open('session', `${token}=`)).toBeUndefined();
    expect(sealer.open('session', token.slice(0, -1))).toBeUndefined();
    expect(sealer.open('session', '')).toBeUndefined();
    expect(sealer.open('session', 'a.')).toBeUndefined();
    const other = createSealer({ keys: [key('a', 2)], random: systemRandom, clock });
    expect(other.open('session', token)).toBeUndefined();
  });

  test('a token ends with its time', () => {
    const token = sealer.seal('k', {}, 50);
    clock.advance(49);
    expect(sealer.open('k', token)).toEqual({});
    clock.advance(1);
    expect(sealer.open('k', token)).toBeUndefined();
  });

  test('after a rotation old tokens open until their key is removed', () => {
    const token = sealer.seal('k', { v: 1 }, 1_000);
    const rotated = createSealer({ keys: [key('b', 2), key('a', 1)], random: systemRandom, clock });
    expect(rotated.open('k', token)).toEqual({ v: 1 });
    expect(rotated.seal('k', {}, 1_000).startsWith('b.')).toBe(true);
    const later = createSealer({ keys: [key('b', 2)], random: systemRandom, clock });
    expect(later.open('k', token)).toBeUndefined();
  });

  test('equal payloads give different tokens', () => {
    const seeded = createSealer({ keys: [key('a', 1)], random: createSeededRandom(), clock });
    expect(seeded.seal('k', {}, 1)).not.toBe(seeded.seal('k', {}, 1));
  });

  test.each([
    [[]],
    [[key('', 1)]],
    [[key('a', 1), key('a', 2)]],
    [[{ id: 'a', secret: new Uint8Array(16) }]],
  ])('malformed keys are refused (%#)', (keys) => {
    expect(() => createSealer({ keys, random: systemRandom, clock })).toThrow(RangeError);
  });
});
