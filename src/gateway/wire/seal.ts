import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Clock, Random } from '../../kernel/index.ts';

export interface SealKey {
  /** 1-16 of `A-Za-z0-9_-`; travels in the token. */
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

export interface Sealer {
  /** Visible, URL-safe ASCII. `kind` is authenticated: a token of one kind never opens as another. */
  seal(kind: string, payload: object, ttlMs: number): string;
  /** The payload; undefined for anything forged, altered, expired, of another kind or under an unknown key. */
  open(kind: string, token: string): Record<string, unknown> | undefined;
}

const IV_BYTES = 12;
const TAG_BYTES = 16;
const MAX_TOKEN = 16 * 1024;

/**
 * Sealed tokens: AES-256-GCM with a random 96-bit IV, so contents are hidden, not only signed. The first key seals, all
 * keys open: rotate by putting a new key in front. A seal can't give single use; that needs a store. Throws RangeError
 * for malformed keys.
 */
export function createSealer(deps: {
  readonly keys: readonly SealKey[];
  readonly random: Random;
  readonly clock: Clock;
}): Sealer {
  const { keys, random, clock } = deps;
  const byId = new Map<string, Uint8Array>();
  for (const key of keys) {
    if (!/^[A-Za-z0-9_-]{1,16}$/.test(key.id) || key.secret.length !== 32 || byId.has(key.id)) {
      throw new RangeError('a sealing key needs an own id of 1-16 letters and digits and 32 bytes');
    }
    byId.set(key.id, key.secret);
  }
  const current = keys[0];
  if (current === undefined) throw new RangeError('at least one sealing key is needed');

  return {
    seal(kind, payload, ttlMs) {
      const iv = random.bytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', current.secret, iv);
      cipher.setAAD(associated(kind, current.id));
      const text = JSON.stringify({ e: clock.now() + ttlMs, p: payload });
      const body = Buffer.concat([
        iv,
        cipher.update(text, 'utf8'),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
      return `${current.id}.${body.toString('base64url')}`;
    },
    open(kind, token) {
      const dot = token.indexOf('.');
      if (dot < 1 || token.length > MAX_TOKEN) return undefined;
      const id = token.slice(0, dot);
      const secret = byId.get(id);
      if (secret === undefined) return undefined;
      const encoded = token.slice(dot + 1);
      const body = Buffer.from(encoded, 'base64url');
      // One token, one spelling: base64url decoding ignores unknown characters and loose trailing bits.
      if (body.length < IV_BYTES + TAG_BYTES || body.toString('base64url') !== encoded)
        return undefined;
      const text = decrypt(secret, associated(kind, id), body);
      if (text === undefined) return undefined;
      const { e, p } = JSON.parse(text) as { e: number; p: Record<string, unknown> };
      return clock.now() < e ? p : undefined;
    },
  };
}

function associated(kind: string, keyId: string): Buffer {
  return Buffer.from(`sallyport-seal-1\n${keyId}\n${kind}`, 'utf8');
}

function decrypt(secret: Uint8Array, aad: Buffer, body: Buffer): string | undefined {
  try {
    const decipher = createDecipheriv('aes-256-gcm', secret, body.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(aad);
    decipher.setAuthTag(body.subarray(body.length - TAG_BYTES));
    const text = decipher.update(
      body.subarray(IV_BYTES, body.length - TAG_BYTES),
      undefined,
      'utf8',
    );
    return text + decipher.final('utf8');
  } catch {
    return undefined;
  }
}
