import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../../kernel/index.ts';

export interface Lock {
  release(): void;
}

export const LOCK_FILE = 'lock';
const OWNER_FILE = 'lock.owner';

/**
 * One writer per directory, as a lock of the operating system that SQLite takes on an empty file:
 * it ends with the process however that dies, so it can't go stale, and a process id that was given
 * out again (as in containers, where everything is process 1) can't be mistaken for the writer.
 *
 * Nothing else may open that file inside this process: closing it there would end the lock (POSIX).
 * The name of the owner is therefore in a file of its own, for the message only.
 *
 * @throws AppError `AUDIT_LOCKED`, or `AUDIT_UNAVAILABLE` when the file cannot be locked at all.
 */
export async function acquireLock(dir: string): Promise<Lock> {
  const path = join(dir, LOCK_FILE);
  try {
    const { DatabaseSync } = await import('node:sqlite');
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      database.exec('begin exclusive');
    } catch (error) {
      database.close();
      throw error;
    }
    chmodSync(path, 0o600);
    writeOwner(dir);
    return { release: () => database.close() };
  } catch (cause) {
    if (isBusy(cause)) throw new AppError('AUDIT_LOCKED', { params: { owner: readOwner(dir) } });
    throw new AppError('AUDIT_UNAVAILABLE', {
      params: { problem: 'the lock file cannot be used' },
      cause,
    });
  }
}

function isBusy(error: unknown): boolean {
  const code = (error as { errcode?: unknown }).errcode;
  // SQLITE_BUSY and its extended forms.
  return typeof code === 'number' && (code & 0xff) === 5;
}

function writeOwner(dir: string): void {
  try {
    writeFileSync(join(dir, OWNER_FILE), String(process.pid), { mode: 0o600 });
  } catch {
    // Only a courtesy to whoever meets the lock.
  }
}

function readOwner(dir: string): string {
  try {
    const text = readFileSync(join(dir, OWNER_FILE), 'utf8');
    return /^[0-9]{1,10}$/.test(text) ? ` (process ${text})` : '';
  } catch {
    return '';
  }
}
