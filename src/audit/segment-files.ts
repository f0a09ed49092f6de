import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

const NAME = /^(\d{16})\.seg$/;

export interface SegmentFile {
  readonly firstSeq: number;
  readonly path: string;
}

/** Segments are named after the first record they hold, so that a missing one shows in the listing already. */
export const segmentPath = (dir: string, firstSeq: number): string =>
  join(dir, `${String(firstSeq).padStart(16, '0')}.seg`);

/** The segments of a log in order; empty when the directory does not exist. */
export async function listSegments(dir: string): Promise<readonly SegmentFile[]> {
  let names: string[];
  try {
    names = await readdir(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .flatMap((name) => {
      const match = NAME.exec(name);
      return match?.[1] === undefined
        ? []
        : [{ firstSeq: Number(match[1]), path: join(dir, name) }];
    })
    .sort((a, b) => a.firstSeq - b.firstSeq);
}
