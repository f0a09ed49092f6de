import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface SegmentFile {
  readonly name: string;
  readonly path: string;
  /** Sequence number of the first record, from the name. */
  readonly first: number;
}

const NAME = /^[0-9]{16}\.seg$/;

/** File name of the segment that begins with record `first`; names sort like numbers. */
export function segmentName(first: number): string {
  return `${String(first).padStart(16, '0')}.seg`;
}

export function segmentFile(dir: string, first: number): SegmentFile {
  const name = segmentName(first);
  return { name, path: join(dir, name), first };
}

/** The segments of a log in order; empty when the directory does not exist. */
export async function listSegments(dir: string): Promise<SegmentFile[]> {
  let names: string[];
  try {
    names = await readdir(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter((name) => NAME.test(name))
    .sort()
    .map((name) => segmentFile(dir, Number(name.slice(0, 16))))
    .filter(({ first }) => Number.isSafeInteger(first));
}

/** Opens for reading; `undefined` when it is gone, a link, or not a regular file. */
export async function openSegment(path: string): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    // O_NONBLOCK: opening a planted pipe must not wait for a writer.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENXIO') return undefined;
    throw error;
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  return undefined;
}
