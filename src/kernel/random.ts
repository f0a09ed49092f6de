import { randomBytes } from 'node:crypto';

/** Source of randomness, injected so that tests can be exact. */
export interface Random {
  /** `size` unpredictable bytes. */
  bytes(size: number): Uint8Array;
}

export const systemRandom: Random = { bytes: (size) => randomBytes(size) };

/** Deterministic bytes for tests (xorshift32); never for keys. */
export function createSeededRandom(seed = 1): Random {
  let state = seed >>> 0 || 1;
  return {
    bytes(size) {
      const out = new Uint8Array(size);
      for (let i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        state >>>= 0;
        out[i] = state & 0xff;
      }
      return out;
    },
  };
}
