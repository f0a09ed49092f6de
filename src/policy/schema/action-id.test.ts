import fc from 'fast-check';
import { expect, it } from 'vitest';
import { actionId } from './action-id.ts';

it('keeps names, except those of root actions', () => {
  expect(actionId('create-pr')).toBe('create-pr');
  expect(actionId('read')).toBe('read()');
  expect(actionId('read()')).toBe('read()()');
});

it('never gives two tools the same id', () => {
  const name = fc.oneof(fc.constantFrom('read', 'read()', 'list', 'any()()'), fc.string());
  fc.assert(
    fc.property(name, name, (a, b) => {
      if (a !== b) expect(actionId(a)).not.toBe(actionId(b));
    }),
  );
});
