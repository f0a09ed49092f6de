import { hash } from 'node:crypto';
import { copyFile, open, stat, truncate } from 'node:fs/promises';
import { AppError } from '../kernel/index.ts';
import { readHead } from './head.ts';
import { chainHash, decodeRecord, GENESIS_HASH, splitLine } from './line.ts';
import { readLines } from './read-lines.ts';
import { listSegments } from './segment-files.ts';

/** Where a log goes on. */
export interface ResumePoint {
  readonly chain: string | undefined;
  readonly nextSeq: number;
  readonly prevHash: string;
  /** The segment to append to; undefined for a new log. */
  readonly segment: { readonly path: string; readonly size: number } | undefined;
  /** A torn tail that was cut off and kept beside the segment. */
  readonly torn:
    | { readonly bytes: number; readonly sha256: string; readonly file: string }
    | undefined;
}

const corrupt = (seq: number, problem: string): AppError =>
  new AppError('AUDIT_CORRUPT', { params: { seq, problem } });

/**
 * Finds the end of a log. Only the last segment is read. A tail that stops within a line (a crash in mid-write; it was
 * never acknowledged) is copied aside and cut; anything else that does not verify is `AUDIT_CORRUPT`, because a writer
 * must not bury it under new records.
 */
export async function resumeLog(dir: string): Promise<ResumePoint> {
  const segments = await listSegments(dir);
  const last = segments[segments.length - 1];
  if (last === undefined) {
    if ((await readHead(dir)) !== undefined)
      throw corrupt(0, 'there is a signed head but no segment');
    return {
      chain: undefined,
      nextSeq: 0,
      prevHash: GENESIS_HASH,
      segment: undefined,
      torn: undefined,
    };
  }
  let prev: string | undefined;
  let seq = last.firstSeq;
  let size = 0;
  let chain: string | undefined;
  let torn = false;
  for await (const line of readLines(last.path)) {
    if (torn) throw corrupt(seq, 'a damaged record is followed by others');
    const parts = line.text === undefined || !line.complete ? undefined : splitLine(line.text);
    const record = parts === undefined ? undefined : decodeRecord(parts.json);
    if (record?.type === 'segment' && prev === undefined) {
      prev = typeof record.detail?.['prev'] === 'string' ? record.detail['prev'] : GENESIS_HASH;
      chain = typeof record.detail?.['chain'] === 'string' ? record.detail['chain'] : undefined;
    }
    if (
      parts === undefined ||
      record === undefined ||
      prev === undefined ||
      record.seq !== seq ||
      chainHash(prev, parts.json) !== parts.hash
    ) {
      torn = true;
      continue;
    }
    prev = parts.hash;
    seq++;
    size = line.offset + line.bytes;
  }
  const head = await readHead(dir);
  if (head === 'malformed') throw corrupt(seq, 'the head file is damaged');
  if (head !== undefined && head.seq >= seq)
    throw corrupt(seq, `the signed head names record ${head.seq}, which is gone`);
  const total = (await stat(last.path)).size;
  let cut: ResumePoint['torn'];
  if (total > size) {
    const file = `${last.path}.torn-${seq}`;
    await copyFile(last.path, file);
    const handle = await open(last.path, 'r');
    try {
      const bytes = Buffer.alloc(Math.min(total - size, 1024 * 1024));
      await handle.read(bytes, 0, bytes.length, size);
      cut = { bytes: total - size, sha256: hash('sha256', bytes, 'hex'), file };
    } finally {
      await handle.close();
    }
    await truncate(last.path, size);
  }
  if (prev === undefined) {
    // Not even the segment's first record survived: the segment before tells the hash to go on from.
    const before = segments[segments.length - 2];
    if (before === undefined)
      return {
        chain: undefined,
        nextSeq: 0,
        prevHash: GENESIS_HASH,
        segment: { path: last.path, size: 0 },
        torn: cut,
      };
    for await (const line of readLines(before.path))
      prev = line.text === undefined ? prev : splitLine(line.text)?.hash;
    if (prev === undefined) throw corrupt(seq, 'the segment before is empty');
  }
  return { chain, nextSeq: seq, prevHash: prev, segment: { path: last.path, size }, torn: cut };
}
