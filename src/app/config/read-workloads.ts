import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { WorkloadIssuer } from '../../identity/index.ts';
import { AppError } from '../../kernel/index.ts';
import type { Config } from './sections.ts';

const MAX_BYTES = 256 * 1024;

/**
 * The platforms of the configuration with their key sets, read from files beside it. Throws `IDENTITY_INVALID` for a file
 * that can't be read or is no JWKS; identity checks the rest.
 */
export async function readWorkloads(
  config: Config,
  configFile: string | undefined,
): Promise<readonly WorkloadIssuer[]> {
  const base = configFile === undefined ? '.' : dirname(configFile);
  return Promise.all(
    Object.entries(config.workloads).map(
      async ([name, { issuer, audience, jwksFile, subjects }]) => ({
        issuer,
        subjects,
        jwks: await readKeys(resolve(base, jwksFile), name),
        ...(audience === undefined ? {} : { audience }),
      }),
    ),
  );
}

async function readKeys(path: string, name: string): Promise<WorkloadIssuer['jwks']> {
  try {
    if ((await stat(path)).size <= MAX_BYTES) {
      const value: unknown = JSON.parse(await readFile(path, 'utf8'));
      const keys =
        typeof value === 'object' && value !== null
          ? (value as { keys?: unknown }).keys
          : undefined;
      if (Array.isArray(keys) && keys.every((key) => typeof key === 'object' && key !== null))
        return { keys: keys as Readonly<Record<string, unknown>>[] };
    }
  } catch {
    // The one fault below; the parser's message could quote the file.
  }
  throw new AppError('IDENTITY_INVALID', {
    params: { field: `workloads.${name}.jwksFile`, problem: 'it is no readable JWKS file' },
  });
}
