import { watch } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A follower looks at least this often, also where the file system reports no changes. */
const POLL_MS = 250;

/** Resolves when something in the directory may have changed, or `signal` aborts. Keeps the process alive. */
export async function waitForChange(dir: string, signal: AbortSignal | undefined): Promise<void> {
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
  const changed = new Promise<void>((resolve) => {
    try {
      const watcher = watch(dir, { signal: either }, () => resolve());
      // Some file systems can't be watched; then the delay alone sets the pace.
      watcher.on('error', () => {});
    } catch {
      // The same, or the directory does not exist yet.
    }
  });
  const polled = delay(POLL_MS, undefined, { signal: either }).catch(() => {});
  await Promise.race([changed, polled]);
  stop.abort();
}
