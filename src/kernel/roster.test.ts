import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Roster } from './roster.ts';

describe('roster', () => {
  test('holds what a Set would hold, whatever comes and goes', () => {
    const step = fc.record({ join: fc.boolean(), who: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const all = Array.from({ length: 10 }, (_, name) => ({ name, seat: -1 }));
        const roster = new Roster<(typeof all)[number]>();
        const model = new Set<(typeof all)[number]>();
        for (const { join, who } of steps) {
          const member = all[who]!;
          if (join) {
            roster.add(member);
            model.add(member);
          } else {
            roster.delete(member);
            model.delete(member);
          }
          expect(roster.size).toBe(model.size);
          expect(new Set(roster)).toEqual(model);
        }
      }),
    );
  });

  test('takes nobody out who sits in another roster', () => {
    const one = new Roster();
    const other = new Roster();
    const member = { seat: -1 };
    one.add(member);
    other.add({ seat: -1 });
    other.delete(member);
    expect([one.size, other.size, member.seat]).toEqual([1, 1, 0]);
  });

  test('can be changed while it is walked', () => {
    const roster = new Roster<{ seat: number }>();
    for (let i = 0; i < 5; i++) roster.add({ seat: -1 });
    let seen = 0;
    for (const member of roster) {
      roster.delete(member);
      seen++;
    }
    expect([seen, roster.size]).toEqual([5, 0]);
  });
});
