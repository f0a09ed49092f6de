import { expect, it } from 'vitest';
import { classifyAddress, createGuardedLookup } from './address-guard.ts';

it.each([
  '127.0.0.1',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.1.1',
  '100.64.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  'fe80::1',
  'fe80::1%eth0',
  'fc00::1',
  'fd12::1',
  'ff02::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:10.0.0.1',
  '64:ff9b::10.0.0.1',
  '2002:7f00:1::',
  '2001:db8::1',
  '::127.0.0.1',
  'not an address',
  '',
])('counts %s as private', (address) => {
  expect(classifyAddress(address)).toBe('private');
});

it.each([
  '8.8.8.8',
  '1.1.1.1',
  '172.32.0.1',
  '100.128.0.1',
  '2606:4700::1111',
  '::ffff:8.8.8.8',
  '64:ff9b::808:808',
])('counts %s as public', (address) => {
  expect(classifyAddress(address)).toBe('public');
});

it.each(['169.254.169.254', '::ffff:169.254.169.254', 'fd00:ec2::254', '64:ff9b::a9fe:a9fe'])(
  'refuses the metadata address %s always',
  (address) => {
    expect(classifyAddress(address)).toBe('metadata');
  },
);

const resolving = (...addresses: string[]) =>
  ((_name, _options, answer) => {
    answer(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  }) satisfies Parameters<typeof createGuardedLookup>[1];

function look(allowPrivate: boolean, all: boolean, ...addresses: string[]): unknown {
  let got: unknown;
  createGuardedLookup(allowPrivate, resolving(...addresses))(
    'x.test',
    { all },
    (error, address) => {
      got = error ?? address;
    },
  );
  return got;
}

it('hands over only the allowed addresses of a name', () => {
  expect(look(false, true, '10.0.0.1', '8.8.8.8', '::1')).toEqual([
    { address: '8.8.8.8', family: 4 },
  ]);
  expect(look(false, false, '10.0.0.1', '8.8.8.8')).toBe('8.8.8.8');
  expect(look(true, false, '10.0.0.1')).toBe('10.0.0.1');
});

it('fails for a name with private addresses only, and for metadata even when private ones are allowed', () => {
  expect(look(false, true, '10.0.0.1')).toMatchObject({ code: 'ADDRESS_REFUSED' });
  expect(look(true, true, '169.254.169.254')).toMatchObject({ code: 'ADDRESS_REFUSED' });
});
