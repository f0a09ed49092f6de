import { mkdir, rmdir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createTwoFilesPatch } from 'diff';
import { AppError, type Random } from '../../kernel/index.ts';
import type { LocatedPlace } from '../clients/locate.ts';
import { EditRefused } from '../formats/edit.ts';
import { editorFor } from '../formats/editor-for.ts';
import { type Backup, dropBackup, findBackup, writeBackup } from './backups.ts';
import { type ConfigFile, readConfigFile, refuse, textOf } from './read-config-file.ts';
import { replaceFile } from './replace-file.ts';

/** A change that was computed and not made. */
export interface Plan {
  readonly file: string;
  /** Where the bytes go, behind links. */
  readonly path: string;
  readonly changed: boolean;
  /** Unified diff; holds text of the file, so print it as hostile. */
  readonly diff: string;
  /** Undo only: whether the original comes back byte for byte, or just our entry goes. */
  readonly exact?: boolean;
  /** Makes the change. Throws `DISCOVER_CHANGED` when the file is not as it was read. */
  apply(random: Random): Promise<{ readonly backup: string | undefined }>;
}

export interface PlanInput {
  readonly place: LocatedPlace;
  /** Name of the entry: letters, digits, `_` and `-`. */
  readonly name: string;
  readonly project: string;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/**
 * Puts an entry into a client's file. Other entries, comments, line ends and a byte order mark stay. The original is
 * kept beside the file until `planUndo` brings it back.
 *
 * @throws AppError `DISCOVER_FILE`
 */
export async function planConnect(
  input: PlanInput,
  value: Readonly<Record<string, unknown>>,
): Promise<Plan> {
  const { place, name, project } = input;
  checkName(place.file, name);
  const current = await readConfigFile(place.file, place.scope, project);
  // What we wrote ourselves is replaced from the original, so that one undo is enough.
  const mine = current.bytes === undefined ? undefined : await backupOf(current);
  const original = mine === undefined ? current : { ...current, bytes: mine.bytes };
  const after = Buffer.from(edit(input, textOf(original), value));
  const before = textOf(current);
  return {
    ...target(current),
    changed: current.bytes === undefined || !after.equals(current.bytes),
    diff: diffOf(
      place.file,
      current.bytes === undefined ? undefined : before,
      after.toString('utf8'),
    ),
    async apply(random) {
      await checkUnchanged(current, place, project);
      const made = await mkdir(dirname(current.path), { recursive: true, mode: 0o700 });
      const madeDirectory = mine === undefined ? made : mine.madeDirectory;
      const backup = await writeBackup(
        current.path,
        after,
        { bytes: original.bytes, mode: current.mode, madeDirectory },
        random,
      );
      await replaceFile(current.path, after, current.mode, random);
      if (mine !== undefined && mine.path !== backup) await dropBackup(mine.path);
      return { backup };
    },
  };
}

/**
 * The way back: the original byte for byte when the file is as we left it, else a removal of our entry alone.
 *
 * @throws AppError `DISCOVER_NOTHING_TO_UNDO`, `DISCOVER_FILE`
 */
export async function planUndo(input: PlanInput): Promise<Plan> {
  const { place, name, project } = input;
  checkName(place.file, name);
  const nothing = (): AppError =>
    new AppError('DISCOVER_NOTHING_TO_UNDO', { params: { file: place.file } });
  const current = await readConfigFile(place.file, place.scope, project);
  if (current.bytes === undefined) throw nothing();
  const before = textOf(current);
  const backup = await backupOf(current);
  if (backup !== undefined) {
    const after = backup.bytes?.toString('utf8');
    return {
      ...target(current),
      changed: true,
      exact: true,
      diff: diffOf(place.file, before, after ?? ''),
      async apply(random) {
        await checkUnchanged(current, place, project);
        if (backup.bytes === undefined)
          await removeFile(current.path, backup.madeDirectory, backup.path);
        else {
          await replaceFile(current.path, backup.bytes, current.mode, random);
          await dropBackup(backup.path);
        }
        return { backup: undefined };
      },
    };
  }
  const after = Buffer.from(edit(input, before, undefined));
  if (after.equals(current.bytes)) throw nothing();
  return {
    ...target(current),
    changed: true,
    exact: false,
    diff: diffOf(place.file, before, after.toString('utf8')),
    async apply(random) {
      await checkUnchanged(current, place, project);
      await replaceFile(current.path, after, current.mode, random);
      return { backup: undefined };
    },
  };
}

function target({ file, path }: ConfigFile): { file: string; path: string } {
  return { file, path };
}

function checkName(file: string, name: string): void {
  if (!NAME.test(name))
    throw refuse(file, 'the name of the entry must be letters, digits, _ and -, at most 63');
}

function backupOf({ path, bytes, mode }: ConfigFile): Promise<Backup | undefined> {
  return findBackup(path, bytes ?? Buffer.alloc(0), mode);
}

function edit(
  { place, name }: PlanInput,
  text: string,
  value: Readonly<Record<string, unknown>> | undefined,
): string {
  try {
    return editorFor(place.format).edit(text, {
      container: place.container,
      name,
      value,
      isList: place.isList === true,
      preamble: place.preamble ?? {},
    });
  } catch (error) {
    if (error instanceof EditRefused) throw refuse(place.file, error.message);
    throw error;
  }
}

async function checkUnchanged(
  seen: ConfigFile,
  place: LocatedPlace,
  project: string,
): Promise<void> {
  const now = await readConfigFile(place.file, place.scope, project);
  const same =
    now.path === seen.path &&
    (now.bytes === undefined
      ? seen.bytes === undefined
      : seen.bytes !== undefined && now.bytes.equals(seen.bytes));
  if (!same) throw new AppError('DISCOVER_CHANGED', { params: { file: place.file } });
}

/** Removes the file we made, and the directories we made as far as they are empty. */
async function removeFile(
  path: string,
  madeDirectory: string | undefined,
  backup: string,
): Promise<void> {
  await unlink(path);
  await dropBackup(backup);
  if (madeDirectory === undefined) return;
  for (let above = dirname(path); above.startsWith(madeDirectory); above = dirname(above)) {
    const isGone = await rmdir(above).then(
      () => true,
      () => false,
    );
    if (!isGone) return;
  }
}

function diffOf(file: string, before: string | undefined, after: string): string {
  return createTwoFilesPatch(
    before === undefined ? '/dev/null' : file,
    file,
    before ?? '',
    after,
    undefined,
    undefined,
    { context: 3 },
  );
}
