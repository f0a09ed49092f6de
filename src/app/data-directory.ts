import { chmod, mkdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { SealKey } from '../gateway/index.ts';
import { readKeyFile, writeKeyFile } from '../identity/index.ts';
import { AppError, type Random } from '../kernel/index.ts';

/** Everything that must survive a restart, in one directory of mode 0700. */
export interface DataDirectory {
  readonly path: string;
  readonly audit: string;
  readonly identity: string;
  /** Arguments and results by digest, when the configuration keeps them. */
  readonly bodies: string;
  readonly policyBackups: string;
  /** Authorizations at MCP servers, encrypted. */
  readonly upstream: string;
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
  bodies: join(path, 'bodies'),
  policyBackups: join(path, 'policy-backups'),
  upstream: join(path, 'upstream'),
  database: join(path, 'sallyport.db'),
  adminTokenFile: join(path, 'admin-token'),
  runFile: join(path, 'running.json'),
});

/**
 * Makes the directory when it is not there, and closes it to other users. Throws `CONFIG_INVALID` for one of another
 * user: whoever owns a directory can put other keys into it, whatever its mode.
 */
export async function openDataDirectory(path: string): Promise<DataDirectory> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const { uid } = await stat(path);
  const own = process.getuid?.();
  if (own !== undefined && uid !== own)
    throw unusable('the data directory belongs to another user');
  await chmod(path, 0o700);
  return describeDataDirectory(path);
}

const unusable = (problem: string): AppError =>
  new AppError('CONFIG_INVALID', { params: { file: '--data-dir', problem } });

/**
 * A secret of our own, made on the first start: whole or not at all, for nobody else to read, and of two starters at
 * once both get the same. Throws `IDENTITY_KEY_FILE` for a link and for a file that others may read.
 */
async function readOrMake(file: string, random: Random, make: () => string): Promise<string> {
  const known = await readKeyFile(file);
  if (known !== undefined) return known;
  await writeKeyFile(file, make(), random, { onlyIfAbsent: true });
  return (await readKeyFile(file)) ?? '';
}

/** Token of the admin API; the CLI reads it from the same file. */
export async function openAdminToken(data: DataDirectory, random: Random): Promise<string> {
  const text = await readOrMake(
    data.adminTokenFile,
    random,
    () => `sat_${Buffer.from(random.bytes(32)).toString('base64url')}\n`,
  );
  const token = text.trim();
  if (!/^sat_[A-Za-z0-9_-]{43}$/.test(token)) throw damaged('admin-token');
  return token;
}

/** Keys that seal session ids, cursors and states. Replicas share the file. */
export async function openSealKeys(
  data: DataDirectory,
  random: Random,
): Promise<readonly SealKey[]> {
  const text = await readOrMake(join(data.path, SEAL_KEYS), random, () =>
    JSON.stringify([{ id: 'k1', secret: Buffer.from(random.bytes(32)).toString('base64') }]),
  );
  try {
    const keys = JSON.parse(text) as ReadonlyArray<{ id: string; secret: string }>;
    const read = keys.map(({ id, secret }) => ({ id, secret: Buffer.from(secret, 'base64') }));
    if (read.length > 0 && read.every(({ secret }) => secret.length === 32)) return read;
  } catch {
    // The one fault below; a parser's message could quote a key.
  }
  throw damaged(SEAL_KEYS);
}

const SEAL_KEYS = 'seal-keys.json';

/** Made anew it would be another secret, so a person has to see it: sessions and tokens end with it. */
function damaged(file: string): AppError {
  return new AppError('IDENTITY_KEY_FILE', { params: { file, problem: 'its content is damaged' } });
}
