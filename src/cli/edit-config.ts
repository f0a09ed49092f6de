import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Document, isMap, parseDocument } from 'yaml';
import { AppError, MAX_CONFIG_BYTES } from '../kernel/index.ts';
import { editableConfig } from './api-access.ts';
import type { Run } from './context.ts';

const NEW_FILE =
  '# Sallyport. `sallyport config schema` prints what is allowed here; `sallyport config check` checks it.\n';
const FIRST_POLICY = `// Nothing is permitted until a policy here says so, for example:
//
//   @id("reader-reads")
//   permit(principal == Agent::"my-agent", action in Action::"read", resource);
//
// \`sallyport policy check\` validates this directory. docs/reference/policy-model.md describes the language.
`;

export interface ConfigEdit {
  readonly file: string;
  readonly created: boolean;
  readonly backup: string | undefined;
}

/**
 * Changes the configuration and keeps its comments and order. The new text is validated before a byte is written;
 * then the old one is kept beside it as \`.bak\`, and the file is replaced as a whole.
 */
export async function editConfig(
  run: Run<unknown>,
  change: (document: Document) => void,
): Promise<ConfigEdit> {
  const file = await editableConfig(run);
  const old = await readBounded(file);
  const document = parseDocument(old ?? NEW_FILE, { version: '1.2', schema: 'core', merge: false });
  // A broken file is refused with its problems, not repaired by accident.
  if (old !== undefined) await run.ports.readConfig(file, run.data.path);
  if (!isMap(document.contents)) document.contents = document.createNode({}) as never;
  change(document);
  const text = document.toString({ lineWidth: 0 });
  await run.ports.readConfig(file, run.data.path, text);
  if (old === undefined) await firstPolicies(run, file);
  const backup = old === undefined ? undefined : `${file}.bak`;
  if (backup !== undefined && old !== undefined) await replaceFile(run, backup, old, 0o600);
  const mode = old === undefined ? 0o600 : (await stat(file)).mode & 0o777;
  await replaceFile(run, file, text, mode);
  return { file, created: old === undefined, backup };
}

async function firstPolicies(run: Run<unknown>, file: string): Promise<void> {
  const directory = join(dirname(file), 'policies');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const handle = await open(join(directory, 'first.cedar'), 'wx', 0o600).catch(() => undefined);
  if (handle === undefined) return;
  await handle.writeFile(FIRST_POLICY);
  await handle.close();
  run.terminal.note(`created ${directory}; nothing is permitted until a policy there says so`);
}

async function readBounded(file: string): Promise<string | undefined> {
  try {
    const { size } = await stat(file);
    if (size > MAX_CONFIG_BYTES)
      throw new AppError('CLI_FILE', { params: { file, problem: 'it is too large' } });
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function replaceFile(
  run: Run<unknown>,
  file: string,
  text: string,
  mode: number,
): Promise<void> {
  const suffix = Buffer.from(run.ports.random.bytes(6)).toString('hex');
  const draft = join(dirname(file), `.${basename(file)}.${suffix}`);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    const handle = await open(draft, 'wx', mode);
    await handle.writeFile(text);
    await handle.sync();
    await handle.close();
    await chmod(draft, mode);
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
