import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Random, sha256Hex } from '../../kernel/index.ts';
import { MAX_FILE_BYTES } from './read-config-file.ts';
import { replaceFile } from './replace-file.ts';

/**
 * The original lies beside the file, under a name with the hash of what was written in its place: so undo needs no
 * other memory, and knows whether anybody touched the file since. A file that did not exist leaves a note instead.
 */
export interface Backup {
  readonly path: string;
  /** Undefined: there was no file. */
  readonly bytes: Buffer | undefined;
  readonly mode: number;
  /** Topmost directory that was made for the file. */
  readonly madeDirectory: string | undefined;
}

const HASH = 24;
const nameFor = (file: string, written: Uint8Array, ending: string): string =>
  join(dirname(file), `${basename(file)}.sallyport-${sha256Hex(written).slice(0, HASH)}.${ending}`);

export async function writeBackup(
  file: string,
  written: Uint8Array,
  original: Pick<Backup, 'bytes' | 'mode' | 'madeDirectory'>,
  random: Random,
): Promise<string> {
  const { bytes, mode, madeDirectory } = original;
  const path = nameFor(file, written, bytes === undefined ? 'absent' : 'bak');
  const note = JSON.stringify({ madeDirectory: madeDirectory ?? null });
  await replaceFile(path, bytes ?? Buffer.from(note), bytes === undefined ? 0o600 : mode, random);
  return path;
}

/** The original of exactly this content. */
export async function findBackup(
  file: string,
  written: Uint8Array,
  mode: number,
): Promise<Backup | undefined> {
  const bak = nameFor(file, written, 'bak');
  const absent = nameFor(file, written, 'absent');
  const bytes = await readFile(bak).catch(() => undefined);
  if (bytes !== undefined && bytes.length <= MAX_FILE_BYTES)
    return { path: bak, bytes, mode, madeDirectory: undefined };
  const note = await readFile(absent, 'utf8').catch(() => undefined);
  if (note === undefined) return undefined;
  const { madeDirectory } = JSON.parse(note) as { madeDirectory: string | null };
  return { path: absent, bytes: undefined, mode, madeDirectory: madeDirectory ?? undefined };
}

/** Whether any original of the file is kept. */
export async function hasBackups(file: string): Promise<boolean> {
  const names = await readdir(dirname(file)).catch((): string[] => []);
  return names.some((name) => name.startsWith(`${basename(file)}.sallyport-`));
}

export const dropBackup = (path: string): Promise<void> => rm(path, { force: true });
