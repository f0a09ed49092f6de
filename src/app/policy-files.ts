import { copyFile, mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, type Clock } from '../kernel/index.ts';
import { type PolicyFiles, readPolicyDirectory } from '../policy/index.ts';

const STAGE = '.sallyport-install';
const MANIFEST = 'manifest.json';
const EFFECTS = 'effects.yaml';
const MAX_BACKUPS = 20;

export interface PolicyFilesDeps {
  /** The policy directory as it is configured now. */
  readonly path: () => string;
  /** Where replaced files are copied to. */
  readonly backups: string;
  readonly clock: Clock;
}

/**
 * Replaces policy files through a stage inside the directory: once the manifest stands there, the new set counts, and
 * whoever reads next finishes the work. Before that, nothing has changed.
 */
export function createPolicyFiles({ path, backups, clock }: PolicyFilesDeps): PolicyFiles {
  let chain: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = chain.then(work);
    chain = result.catch(() => undefined);
    return result;
  };

  return {
    read: (named) =>
      inTurn(async () => {
        const dir = named ?? path();
        await finish(dir);
        return readPolicyDirectory(dir);
      }),
    install: ({ files, effects }) =>
      inTurn(async () => {
        const dir = path();
        const stage = join(dir, STAGE);
        try {
          await finish(dir);
          const present = await policyFilesIn(dir);
          const backup = await backUp(dir, present, backups, clock);
          const wanted = [
            ...files.map(({ name, text }) => [name, text] as const),
            ...(effects === undefined ? [] : [[EFFECTS, effects] as const]),
          ];
          const names = wanted.map(([name]) => name);
          if (!names.every(isPolicyFileName)) throw new Error('a file name is not allowed');
          await rm(stage, { recursive: true, force: true });
          await mkdir(stage, { mode: 0o700 });
          for (const [name, text] of wanted) await writeDurably(join(stage, name), text);
          const remove = present.filter((name) => !names.includes(name));
          const draft = join(stage, `${MANIFEST}.new`);
          await writeDurably(draft, JSON.stringify({ put: names, remove }));
          await rename(draft, join(stage, MANIFEST));
          await syncDirectory(stage);
          await finish(dir);
          return { backup };
        } catch (error) {
          const problem = error instanceof Error ? error.message : 'it failed';
          throw new AppError('POLICY_FILES_UNWRITABLE', { params: { path: dir, problem } });
        }
      }),
  };
}

/** Carries out what a complete stage says. Does nothing when there is none; may be repeated after a crash. */
async function finish(dir: string): Promise<void> {
  const stage = join(dir, STAGE);
  let text: string;
  try {
    text = await readFile(join(stage, MANIFEST), 'utf8');
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  const { put, remove } = JSON.parse(text) as { put: string[]; remove: string[] };
  for (const name of put.filter(isPolicyFileName)) {
    await rename(join(stage, name), join(dir, name)).catch((error: unknown) => {
      // Moved already, before the crash.
      if (!isMissing(error)) throw error;
    });
  }
  for (const name of remove.filter(isPolicyFileName))
    await unlink(join(dir, name)).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
  await syncDirectory(dir);
  // First, so that what is left of the stage after a crash is never carried out again over newer files.
  await unlink(join(stage, MANIFEST));
  await rm(stage, { recursive: true, force: true });
}

function isPolicyFileName(name: string): boolean {
  return name === EFFECTS || /^[^./\\\0][^/\\\0]{0,200}\.cedar$/.test(name);
}

async function policyFilesIn(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter(isPolicyFileName);
}

async function backUp(
  dir: string,
  names: readonly string[],
  backups: string,
  clock: Clock,
): Promise<string> {
  const kept = (await readdir(backups).catch(() => [])).sort();
  const place = join(backups, `${clock.now()}-${kept.length}`);
  await mkdir(place, { recursive: true, mode: 0o700 });
  for (const name of names) await copyFile(join(dir, name), join(place, name));
  for (const old of kept.slice(0, Math.max(0, kept.length + 1 - MAX_BACKUPS)))
    await rm(join(backups, old), { recursive: true, force: true });
  return place;
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
