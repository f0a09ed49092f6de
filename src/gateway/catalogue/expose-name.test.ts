import fc from 'fast-check';
import { expect, it } from 'vitest';
import { exposeName, MAX_EXPOSED_NAME, SERVER_NAME, serverOfExposedName } from './expose-name.ts';

const server = fc.stringMatching(SERVER_NAME);
const name = fc.oneof(
  fc.string({ minLength: 1, maxLength: 200 }),
  fc.stringMatching(/^[a-z_]{1,120}$/),
);

it('an exposed name is short enough for every client and leads back to its server', () => {
  fc.assert(
    fc.property(server, name, (owner, own) => {
      const exposed = exposeName(owner, own, undefined);
      expect(exposed.length).toBeLessThanOrEqual(MAX_EXPOSED_NAME);
      expect(serverOfExposedName(exposed)).toBe(owner);
      expect(exposeName(owner, own, {})).toBe(exposed);
    }),
  );
});

it('two tools never share a name, however long and alike they are', () => {
  fc.assert(
    fc.property(server, server, name, name, (one, two, first, second) => {
      fc.pre(one !== two || first !== second);
      expect(exposeName(one, first, undefined)).not.toBe(exposeName(two, second, undefined));
    }),
  );
  const long = 'x'.repeat(100);
  expect(exposeName('s', `${long}1`, undefined)).not.toBe(exposeName('s', `${long}2`, undefined));
});

it('an alias stands for exactly the name it was given to', () => {
  const aliases = { read: 'open' };
  expect(exposeName('s', 'read', aliases)).toBe('open');
  expect(exposeName('s', 'Read', aliases)).toBe('s__Read');
  for (const odd of ['constructor', 'toString', '__proto__'])
    expect(exposeName('s', odd, aliases)).toBe(`s__${odd}`);
  expect(serverOfExposedName('open')).toBeUndefined();
  expect(serverOfExposedName('__x')).toBeUndefined();
});
