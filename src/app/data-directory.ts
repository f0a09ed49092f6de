import { chmod, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SealKey } from '../gateway/index.ts';
import { readKeyFile, writeKeyFile } from '../identity/index.ts';
import { AppError, type Random } from '../kernel/index.ts';
import { type DataDirectory, describeDataDirectory } from './data-paths.ts';

export { type DataDirectory, dataDirectoryPath, describeDataDirectory } from './data-paths.ts';

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
