import { constants } from 'node:fs';
import { link, mkdir, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError, isAppError, MAX_SECRET_BYTES, type Random } from '../../kernel/index.ts';

const MODE = 0o600;

/**
 * Writes a secret so that it appears whole or not at all, readable by its owner only (file 0600, new
 * directories 0700). With `onlyIfAbsent` an existing file stays and the answer is false.
 * @throws AppError `IDENTITY_KEY_FILE`
 */
export async function writeKeyFile(
  path: string,
  text: string,
  random: Random,
  options: { readonly onlyIfAbsent?: boolean } = {},
): Promise<boolean> {
  const suffix = Buffer.from(random.bytes(8)).toString('hex');
  const draft = join(dirname(path), `.${basename(path)}.${suffix}`);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // O_EXCL: a file or link somebody planted under the draft's name is not followed.
    const file = await open(draft, 'wx', MODE);
    try {
      await file.writeFile(text, 'utf8');
      await file.sync();
    } finally {
      await file.close();
    }
    if (options.onlyIfAbsent === true) {
      // link() fails on an existing name, rename() would replace it: the first of two starters wins.
      try {
        await link(draft, path);
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return false;
        throw error;
      } finally {
        await unlink(draft);
      }
    } else {
      await rename(draft, path);
    }
    return true;
  } catch (error) {
    throw fault(path, codeOf(error) ?? 'it cannot be written', error);
  }
}

/**
 * Reads a secret; undefined when there is no such file.
 * @throws AppError `IDENTITY_KEY_FILE` when it is a link, not a regular file, larger than 64 KiB or
 * open to other users.
 */
export async function readKeyFile(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw fault(path, 'it is not a regular file');
      if (stat.size > MAX_SECRET_BYTES) throw fault(path, 'it is too large');
      if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0)
        throw fault(path, 'other users may read it');
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    if (isAppError(error)) throw error;
    throw fault(
      path,
      codeOf(error) === 'ELOOP' ? 'it is a symbolic link' : 'it cannot be read',
      error,
    );
  }
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && !isAppError(error) ? code : undefined;
}

function fault(path: string, problem: string, cause?: unknown): AppError {
  return new AppError('IDENTITY_KEY_FILE', {
    params: { file: basename(path), problem },
    ...(cause === undefined ? {} : { cause }),
  });
}
