import { generateKeyPairSync, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { derOf, jwsOf } from './ecdsa-signature.ts';
import { parseCompact, signJws, verifyJws } from './jws.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const asJws = { dsaEncoding: 'ieee-p1363' } as const;

test('both forms of a signature verify, whichever side made it', () => {
  // Enough signatures that some have integers with leading zero bytes.
  for (let i = 0; i < 600; i++) {
    const data = Buffer.from(`message ${i}`);
    const der = sign('sha256', data, privateKey);
    expect(derOf(jwsOf(der))).toEqual(der);
    expect(verify('sha256', data, { key: publicKey, ...asJws }, jwsOf(der))).toBe(true);
  }
  for (let i = 0; i < 100; i++) {
    const data = Buffer.from(`message ${i}`);
    const raw = sign('sha256', data, { key: privateKey, ...asJws });
    expect(jwsOf(derOf(raw))).toEqual(raw);
    expect(verify('sha256', data, publicKey, derOf(raw))).toBe(true);
  }
});

test('any 64 bytes come back as they were, with zeros in front or a top bit set', () => {
  const byte = fc.constantFrom(0, 0, 0, 1, 0x7f, 0x80, 0xff);
  fc.assert(
    fc.property(fc.array(byte, { minLength: 64, maxLength: 64 }), (bytes) => {
      const raw = Buffer.from(bytes);
      expect(jwsOf(derOf(raw))).toEqual(raw);
      expect(verify('sha256', Buffer.from('x'), publicKey, derOf(raw))).toBe(false);
    }),
  );
});

test('what we sign is 64 bytes long and is refused when any of them changes', () => {
  const jws = parseCompact(signJws({}, { a: 1 }, privateKey, 'ES256'))!;
  expect(jws.signature).toHaveLength(64);
  expect(verifyJws(jws, publicKey, 'ES256')).toBe(true);
  for (let i = 0; i < 64; i++) {
    const signature = Buffer.from(jws.signature);
    signature[i] = (signature[i] ?? 0) ^ 1;
    expect(verifyJws({ ...jws, signature }, publicKey, 'ES256')).toBe(false);
  }
});
