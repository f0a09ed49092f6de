import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, KIB } from '../../kernel/index.ts';
import { MAX_POLICY_SET_BYTES } from '../host/policy-bounds.ts';
import type { PolicyFile } from './policy-source.ts';
import { type EffectsFile, NO_EFFECTS, readEffects } from './read-effects.ts';

export interface PolicyDirectory {
  readonly files: readonly PolicyFile[];
  readonly effects: EffectsFile;
  /** The text of `effects.yaml`, for keeping the set; absent when there is no such file. */
  readonly effectsText?: string;
}

export const EFFECTS_FILE = 'effects.yaml';
const MAX_FILES = 1_000;
const MAX_EFFECTS_BYTES = 256 * KIB;

/**
 * Reads `*.cedar` (sorted by name, not recursive) and `effects.yaml` of a policy directory.
 *
 * @throws AppError `POLICY_DIRECTORY_UNREADABLE`, `POLICY_TOO_LARGE`, `POLICY_INVALID` (effects.yaml)
 */
export async function readPolicyDirectory(path: string): Promise<PolicyDirectory> {
  const names = await listed(path);
  const cedar = names.filter((name) => name.endsWith('.cedar') && !name.startsWith('.'));
  if (cedar.length > MAX_FILES)
    throw unreadable(path, `it holds more than ${MAX_FILES} policy files`);
  const files: PolicyFile[] = [];
  let size = 0;
  for (const name of cedar.sort()) {
    const text = await readBounded(path, name, MAX_POLICY_SET_BYTES - size, MAX_POLICY_SET_BYTES);
    size += Buffer.byteLength(text);
    files.push({ name, text });
  }
  if (!names.includes(EFFECTS_FILE)) return { files, effects: NO_EFFECTS };
  const effectsText = await readBounded(path, EFFECTS_FILE, MAX_EFFECTS_BYTES, MAX_EFFECTS_BYTES);
  return { files, effects: readEffects(EFFECTS_FILE, effectsText), effectsText };
}

async function listed(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    throw unreadable(path, reasonOf(error));
  }
}

async function readBounded(
  path: string,
  name: string,
  left: number,
  limit: number,
): Promise<string> {
  try {
    const { size } = await stat(join(path, name));
    if (size > left)
      throw new AppError('POLICY_TOO_LARGE', {
        params: { size: limit - left + size, limit, what: name },
      });
    return await readFile(join(path, name), 'utf8');
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw unreadable(path, `${name}: ${reasonOf(error)}`);
  }
}

function unreadable(path: string, problem: string): AppError {
  return new AppError('POLICY_DIRECTORY_UNREADABLE', { params: { path, problem } });
}

function reasonOf(error: unknown): string {
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'it failed';
}
