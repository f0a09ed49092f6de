import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../kernel/index.ts';

const LOCK_FILE = 'writer.lock';

async function startTime(pid: number): Promise<string> {
  try {
    // Field 22 of proc(5) stat; a reused pid has another start time. Elsewhere the pid alone decides.
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** One writer per log. A lock whose process is gone is taken over. Throws `AUDIT_LOCKED`. Returns the release. */
export async function lockWriter(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, LOCK_FILE);
  const mine = `${process.pid} ${await startTime(process.pid)}`;
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await writeFile(path, mine, { flag: 'wx', mode: 0o600 });
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const held = await readFile(path, 'utf8').catch(() => '');
    const [pidText = '', started = ''] = held.split(' ');
    const pid = Number(pidText);
    if (
      Number.isSafeInteger(pid) &&
      pid > 0 &&
      isAlive(pid) &&
      (started === '' || (await startTime(pid)) === started)
    ) {
      throw new AppError('AUDIT_LOCKED', { params: { pid } });
    }
    await rm(path, { force: true });
  }
  throw new AppError('AUDIT_LOCKED', { params: { pid: 'unknown' } });
}
