import { AppError } from '../kernel/index.ts';

/** Callers waiting for the connection beyond this are turned away. */
export const MAX_WAITING = 10_000;

export interface Turnstile {
  /** Runs `work` when all earlier work has ended; `STORE_BUSY` when too many wait. */
  enter<T>(work: () => Promise<T> | T): Promise<T>;
}

/** One at a time, in order: a connection has one transaction, and it belongs to one caller. */
export function createTurnstile(limit = MAX_WAITING): Turnstile {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    async enter(work) {
      if (waiting >= limit) throw new AppError('STORE_BUSY');
      waiting++;
      const turn = last.then(work);
      last = turn.catch(() => undefined);
      try {
        return await turn;
      } finally {
        waiting--;
      }
    },
  };
}
