import { mkdir, readFile, realpath, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, sha256Hex } from '../../kernel/index.ts';

export const TRUSTED_CONFIGS_FILE = 'trusted-configs.json';
const MAX_BYTES = 1024 * 1024;
const MAX_PATHS = 1_000;

/**
 * Asks once before a configuration of the current directory is used: it names programs that the gateway starts, and a
 * directory that was cloned or unpacked may bring one along. What was accepted is remembered in the data directory (0600)
 * by its real path, whatever it says later. `ask` is absent when nobody can answer.
 *
 * @throws AppError `CONFIG_UNTRUSTED` when it was not accepted; nothing was changed then.
 */
export async function requireTrust(
  file: string,
  dataDir: string,
  ask: ((question: string) => Promise<boolean>) | undefined,
): Promise<void> {
  const path = await realpath(file);
  const key = `sha256:${sha256Hex(path)}`;
  const store = join(dataDir, TRUSTED_CONFIGS_FILE);
  const accepted = await readAccepted(store);
  if (accepted.has(key)) return;
  const question = `${printable(path)} lies in the current directory and may start programs. Use it?`;
  if (ask === undefined || !(await ask(question)))
    throw new AppError('CONFIG_UNTRUSTED', { params: { file: printable(path) } });
  accepted.set(key, path);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const text = `${JSON.stringify(Object.fromEntries([...accepted].slice(-MAX_PATHS)), null, 2)}\n`;
  const next = `${store}.${process.pid}.new`;
  await writeFile(next, text, { mode: 0o600 });
  await rename(next, store);
}

/** A file that cannot be read as what we write counts as empty: then it is asked again. */
async function readAccepted(store: string): Promise<Map<string, string>> {
  try {
    const text = await readFile(store, 'utf8');
    if (text.length > MAX_BYTES) return new Map();
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map();
    return new Map(
      Object.entries(value).filter(
        (entry): entry is [string, string] =>
          typeof entry[1] === 'string' && entry[0] === `sha256:${sha256Hex(entry[1])}`,
      ),
    );
  } catch {
    return new Map();
  }
}

/** The name of a directory may hold anything, control characters for the terminal included. */
function printable(path: string): string {
  return path.replace(/\p{C}/gu, '?').slice(0, 1_024);
}
