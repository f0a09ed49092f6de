import { type FSWatcher, watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '../../kernel/index.ts';

export interface WatchDeps {
  readonly clock: Clock;
  readonly path: string;
  /** Called once per burst of changes; the next burst waits until it has settled. Its rejection is its own affair. */
  readonly onChange: () => Promise<unknown>;
  /** Milliseconds without further changes before `onChange`. */
  readonly debounceMs?: number;
  /** Milliseconds between looks at sizes and times, for file systems that send no events. */
  readonly pollMs?: number;
}

export interface DirectoryWatch {
  close(): void;
}

const DEBOUNCE_MS = 200;
const POLL_MS = 5_000;

/**
 * Watches a policy directory by events and, because network and container file systems drop those, by polling as well.
 * Never throws: a directory that is away is looked for again with every poll.
 */
export function watchPolicyDirectory(deps: WatchDeps): DirectoryWatch {
  const { clock, path, onChange, debounceMs = DEBOUNCE_MS, pollMs = POLL_MS } = deps;
  let watcher: FSWatcher | undefined;
  let debounce: Timer | undefined;
  let poll: Timer | undefined;
  let busy = false;
  let again = false;
  let closed = false;
  let seen: string | undefined;

  const fire = async (): Promise<void> => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      await onChange();
    } catch {
      // The reload reports its own faults.
    }
    busy = false;
    if (again && !closed) {
      again = false;
      schedule();
    }
  };

  const schedule = (): void => {
    if (closed) return;
    debounce?.cancel();
    debounce = clock.setTimeout(() => void fire(), debounceMs);
  };

  const attach = (): void => {
    if (watcher !== undefined || closed) return;
    try {
      watcher = watch(path, { persistent: false }, schedule);
      watcher.on('error', () => {
        watcher?.close();
        watcher = undefined;
      });
    } catch {
      watcher = undefined;
    }
  };

  const look = async (): Promise<void> => {
    const now = await fingerprint(path);
    if (closed) return;
    if (seen !== undefined && now !== seen) schedule();
    seen = now;
    attach();
    poll = clock.setTimeout(() => void look(), pollMs);
  };

  attach();
  void look();
  return {
    close() {
      closed = true;
      watcher?.close();
      debounce?.cancel();
      poll?.cancel();
    },
  };
}

/** Names, sizes and times of the files that matter; `absent` when the directory cannot be read. */
async function fingerprint(path: string): Promise<string> {
  try {
    const names = (await readdir(path)).filter((name) => /\.(?:cedar|yaml)$/.test(name)).sort();
    const parts = await Promise.all(
      names.map(async (name) => {
        const { size, mtimeMs } = await stat(join(path, name));
        return `${name}:${size}:${mtimeMs}`;
      }),
    );
    return parts.join('|');
  } catch {
    return 'absent';
  }
}
