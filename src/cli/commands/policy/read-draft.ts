import { resolve } from 'node:path';
import { readPolicyDirectory } from '../../../policy/index.ts';
import type { Run } from '../../context.ts';

/** A directory as the admin API takes it. */
export interface DraftBody {
  readonly files: { name: string; text: string }[];
  readonly effects?: string;
}

/** Reads a policy directory of this machine. @throws AppError `POLICY_DIRECTORY_UNREADABLE`, `POLICY_TOO_LARGE` */
export async function readDraft(run: Run<unknown>, directory: string): Promise<DraftBody> {
  const { files, effectsText } = await readPolicyDirectory(resolve(run.ports.cwd, directory));
  return {
    files: files.map(({ name, text }) => ({ name, text })),
    ...(effectsText === undefined ? {} : { effects: effectsText }),
  };
}
