import { chmodSync, closeSync, fstatSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes the file exist with mode 0600 before the database opens it, so that it is never readable by
 * others, not even for a moment; SQLite gives `-wal` and `-shm` the mode of the main file.
 */
export function preparePrivateFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const handle = openSync(path, 'a', 0o600);
  try {
    const stat = fstatSync(handle);
    if (!stat.isFile()) throw new Error('it is not a regular file');
    if ((stat.mode & 0o077) !== 0) chmodSync(path, 0o600);
  } finally {
    closeSync(handle);
  }
}
