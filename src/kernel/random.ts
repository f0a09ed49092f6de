import { randomBytes, randomFillSync } from 'node:crypto';

/** Source of randomness, injected so that tests can be exact. */
export interface Random {
  /** `size` unpredictable bytes. */
  bytes(size: number): Uint8Array;
}

const POOL_BYTES = 8_192;
const SMALL = 64;

/**
 * Small requests are served from a pool, because a call into the system's generator costs more than the rest of minting
 * an id. Bytes leave the pool once and are wiped there.
 */
function createPooledRandom(): Random {
  const pool = new Uint8Array(POOL_BYTES);
  let at = POOL_BYTES;
  return {
    bytes(size) {
      if (size > SMALL) return randomBytes(size);
      if (at + size > POOL_BYTES) {
        randomFillSync(pool);
        at = 0;
      }
      const out = pool.slice(at, at + size);
      pool.fill(0, at, at + size);
      at += size;
      return out;
    },
  };
}

export const systemRandom: Random = createPooledRandom();

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
