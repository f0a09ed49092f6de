import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CellMap } from './cell-map.ts';

test('holds what a Map would hold, in its order', () => {
  const step = fc.record({ put: fc.boolean(), key: fc.nat(7) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const cells = new CellMap<number, { readonly at: number }>();
      const model = new Map<number, { readonly at: number }>();
      for (const [at, { put, key }] of steps.entries()) {
        if (!put) {
          cells.delete(key);
          model.delete(key);
        } else if (cells.get(key) === undefined) {
          cells.add(key, { at });
          model.set(key, { at });
        }
        expect(cells.size).toBe(model.size);
        expect(cells.get(key)).toEqual(model.get(key));
        expect([...cells.values()]).toEqual([...model.values()]);
      }
    }),
  );
});
