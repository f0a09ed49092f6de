/** Bytes of bodies that are arriving. Full calls are counted elsewhere: what is counted here ends with the last byte. */
export interface BodyPool {
  used: number;
  readonly max: number;
}

/** What is left when a body needs more room than there is: 429 by the caller's own share, 503 by everybody's. */
export type BodyRefusal = 429 | 503;

export interface BodyMeter {
  /** Counts bytes that arrived or were announced; a refusal counts none. */
  take(bytes: number): BodyRefusal | undefined;
  /** Gives back everything taken. Safe to call twice. */
  release(): void;
}

/** Holds one body to the room of its sender, where it has some, and to the room of all. */
export function meterBody(all: BodyPool, own?: { bodyBytes: number }, ownMax = 0): BodyMeter {
  let taken = 0;
  let done = false;
  return {
    take(bytes) {
      if (done) return undefined;
      if (own !== undefined && own.bodyBytes + bytes > ownMax) return 429;
      if (all.used + bytes > all.max) return 503;
      taken += bytes;
      all.used += bytes;
      if (own !== undefined) own.bodyBytes += bytes;
      return undefined;
    },
    release() {
      if (done) return;
      done = true;
      all.used -= taken;
      if (own !== undefined) own.bodyBytes -= taken;
    },
  };
}
