import { chmod, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Random } from '../../kernel/index.ts';

/** The file is there as a whole or as it was; never in between, also when the machine stops. */
export async function replaceFile(
  path: string,
  bytes: Uint8Array,
  mode: number,
  random: Random,
): Promise<void> {
  const suffix = Buffer.from(random.bytes(6)).toString('hex');
  const draft = join(dirname(path), `.${basename(path)}.${suffix}`);
  try {
    const handle = await open(draft, 'wx', mode);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await chmod(draft, mode);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
