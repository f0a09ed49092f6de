import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { AppError, MIB } from '../../kernel/index.ts';
import type { Scope } from '../model.ts';

export const MAX_FILE_BYTES = 5 * MIB;

export interface ConfigFile {
  /** As the client names it. */
  readonly file: string;
  /** Behind links: what is read and replaced. */
  readonly path: string;
  /** Undefined when there is no such file. */
  readonly bytes: Buffer | undefined;
  readonly mode: number;
}

export function refuse(file: string, problem: string, cause?: unknown): AppError {
  return new AppError('DISCOVER_FILE', {
    params: { file, problem },
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * Reads a client's file. A link is followed for the user's own files (dotfiles are kept that way); a project's link may
 * not lead out of the project, since whoever wrote the project would choose what is overwritten.
 *
 * @throws AppError `DISCOVER_FILE`
 */
export async function readConfigFile(
  file: string,
  scope: Scope,
  project: string,
): Promise<ConfigFile> {
  let path = file;
  try {
    path = await realpath(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') throw refuse(file, code ?? 'it cannot be reached', error);
    // Not there; a directory above it may still be a link that leads away.
    path = await missingPath(file);
  }
  if (scope === 'project') {
    const root = await realpath(project).catch(() => project);
    if (path !== root && !path.startsWith(root.endsWith(sep) ? root : root + sep))
      throw refuse(file, 'it is a link that leads out of the project');
  }
  try {
    const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw refuse(file, 'it is not a regular file');
      if (stat.size > MAX_FILE_BYTES)
        throw refuse(file, `it is larger than ${MAX_FILE_BYTES} bytes`);
      return { file, path, bytes: await handle.readFile(), mode: stat.mode & 0o777 };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { file, path, bytes: undefined, mode: 0o600 };
    if (error instanceof AppError) throw error;
    throw refuse(file, code ?? 'it cannot be read', error);
  }
}

async function missingPath(file: string): Promise<string> {
  const { lstat } = await import('node:fs/promises');
  const isLink = await lstat(file).then(
    (stat) => stat.isSymbolicLink(),
    () => false,
  );
  if (isLink) throw refuse(file, 'it is a link to a file that is not there');
  let above = dirname(file);
  const rest = [file.slice(above.length)];
  for (;;) {
    try {
      return (await realpath(above)) + rest.join('');
    } catch {
      const next = dirname(above);
      if (next === above) return file;
      rest.unshift(above.slice(next.length));
      above = next;
    }
  }
}

/** Text of the file; throws when it is not UTF-8, because writing it back would change it. */
export function textOf({ file, bytes }: ConfigFile): string {
  if (bytes === undefined) return '';
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw refuse(file, 'it is not UTF-8 text', error);
  }
}
