import type { Clock, Timer } from '../../kernel/index.ts';
import type { RawJson } from '../model.ts';

type Emit = (method: string, params: RawJson | undefined) => void;

export interface Coalescer {
  /** The first of a key goes out at once; repeats within the window become one, with the latest params. */
  push(key: string, method: string, params: RawJson | undefined): void;
  close(): void;
}

/** Back-pressure for notifications that only say "look again": they are idempotent, so repeats can be merged. */
export function createCoalescer(clock: Clock, windowMs: number, emit: Emit): Coalescer {
  const open = new Map<
    string,
    { timer: Timer; pending: { method: string; params: RawJson | undefined } | undefined }
  >();
  const arm = (key: string): Timer =>
    clock.setTimeout(() => {
      const entry = open.get(key);
      const pending = entry?.pending;
      if (entry === undefined || pending === undefined) {
        open.delete(key);
        return;
      }
      entry.pending = undefined;
      entry.timer = arm(key);
      emit(pending.method, pending.params);
    }, windowMs);
  return {
    push(key, method, params) {
      const entry = open.get(key);
      if (entry !== undefined) {
        entry.pending = { method, params };
        return;
      }
      open.set(key, { timer: arm(key), pending: undefined });
      emit(method, params);
    },
    close() {
      for (const { timer } of open.values()) timer.cancel();
      open.clear();
    },
  };
}
