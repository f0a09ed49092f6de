import type { Clock } from '../../kernel/index.ts';

/** A signal that aborts with any of `signals` or after `ms`; call `done` as soon as it is no longer needed. */
export interface Deadline {
  readonly signal: AbortSignal;
  done(): void;
}

export function deadline(clock: Clock, ms: number, signals: readonly AbortSignal[]): Deadline {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const timer = clock.setTimeout(abort, ms);
  for (const signal of signals) {
    if (signal.aborted) controller.abort();
    else signal.addEventListener('abort', abort, { once: true });
  }
  return {
    signal: controller.signal,
    done() {
      timer.cancel();
      for (const signal of signals) signal.removeEventListener('abort', abort);
    },
  };
}

/** Resolves after `ms`; true when it slept through, false when `signal` aborted first. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const abort = (): void => {
      timer.cancel();
      resolve(false);
    };
    const timer = clock.setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve(true);
    }, ms);
    signal.addEventListener('abort', abort, { once: true });
  });
}
