import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AppError, loadConfig } from '../../kernel/index.ts';
import { checkAdminHost } from './check-admin-host.ts';
import { CONFIG, type Config } from './sections.ts';

export const CONFIG_FILE = 'sallyport.yaml';

export interface LoadedConfig {
  readonly config: Config;
  /** Absolute path; undefined when no file exists and defaults hold. */
  readonly file: string | undefined;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Where the configuration is: the named file, else `sallyport.yaml` here, else the one in the data directory. Undefined
 * when there is none: then the demo runs.
 */
export async function findConfig(
  named: string | undefined,
  cwd: string,
  dataDir: string,
): Promise<string | undefined> {
  if (named !== undefined) return resolve(cwd, named);
  for (const candidate of [join(cwd, CONFIG_FILE), join(dataDir, CONFIG_FILE)])
    if (await exists(candidate)) return candidate;
  return undefined;
}

/** Reads and validates. Errors: `CONFIG_INVALID`, with every problem at its line and column. */
export async function readConfig(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  overrides: Readonly<Record<string, unknown>> = {},
): Promise<LoadedConfig> {
  let text: string | undefined;
  if (file !== undefined) {
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      throw new AppError('CONFIG_INVALID', {
        params: {
          file,
          problem:
            code === 'ENOENT'
              ? 'the file does not exist'
              : `it can not be read (${code ?? 'error'})`,
        },
      });
    }
  }
  const loaded = loadConfig(CONFIG, {
    ...(text === undefined ? {} : { text }),
    file: file ?? 'defaults',
    env,
    overrides,
  });
  if (!loaded.ok) throw loaded.error;
  checkAdminHost(file, loaded.value.admin);
  return { config: loaded.value, file };
}
