import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { SealKey } from '../gateway/index.ts';
import type { Random } from '../kernel/index.ts';

/** Everything that must survive a restart, in one directory of mode 0700. */
export interface DataDirectory {
  readonly path: string;
  readonly audit: string;
  readonly identity: string;
  readonly database: string;
  readonly adminTokenFile: string;
  /** What a running gateway tells the CLI about itself. */
  readonly runFile: string;
}

/** `--data-dir`, else `SALLYPORT_DATA_DIR`, else the user's data directory (XDG base directories). */
export function dataDirectoryPath(
  named: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): string {
  const given = named ?? env['SALLYPORT_DATA_DIR'];
  if (given !== undefined && given !== '') return resolve(cwd, given);
  const base = env['XDG_DATA_HOME'];
  return base?.startsWith('/')
    ? join(base, 'sallyport')
    : join(homedir(), '.local', 'share', 'sallyport');
}

export const describeDataDirectory = (path: string): DataDirectory => ({
  path,
  audit: join(path, 'audit'),
  identity: join(path, 'identity'),
  database: join(path, 'sallyport.db'),
  adminTokenFile: join(path, 'admin-token'),
  runFile: join(path, 'running.json'),
});

/** Makes the directory when it is not there, and closes it to other users. */
export async function openDataDirectory(path: string): Promise<DataDirectory> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
  return describeDataDirectory(path);
}

async function readOrMake(file: string, make: () => string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const text = make();
  await writeFile(file, text, { mode: 0o600, flag: 'wx' });
  return text;
}

/** Token of the admin API; the CLI reads it from the same file. */
export async function openAdminToken(data: DataDirectory, random: Random): Promise<string> {
  const text = await readOrMake(
    data.adminTokenFile,
    () => `sat_${Buffer.from(random.bytes(32)).toString('base64url')}\n`,
  );
  return text.trim();
}

/** Keys that seal session ids, cursors and states. Replicas share the file. */
export async function openSealKeys(
  data: DataDirectory,
  random: Random,
): Promise<readonly SealKey[]> {
  const text = await readOrMake(join(data.path, 'seal-keys.json'), () =>
    JSON.stringify([{ id: 'k1', secret: Buffer.from(random.bytes(32)).toString('base64') }]),
  );
  const keys = JSON.parse(text) as ReadonlyArray<{ id: string; secret: string }>;
  return keys.map(({ id, secret }) => ({ id, secret: Buffer.from(secret, 'base64') }));
}
