import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../kernel/index.ts';
import { parseFrame, ZERO_HASH } from '../format/frame.ts';
import { type Head, isHeadSigned, readHead } from '../format/head.ts';
import { MAX_LINE_BYTES, MAX_TORN_BYTES } from '../format/limits.ts';
import { readLines } from '../format/read-lines.ts';
import { listSegments, openSegment, type SegmentFile } from '../format/segments.ts';
import {
  type AuditSigner,
  type Genesis,
  readGenesis,
  readPublicKey,
} from '../format/statements.ts';
import type { AuditFs } from '../ports.ts';

export interface TornTail {
  /** Where the bytes were put, in the audit directory. */
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Where the writer goes on. Without `chain` a new log begins. */
export interface Resume {
  readonly chain?: string;
  readonly nextSeq: number;
  readonly prev: string;
  readonly segment?: { readonly path: string; readonly size: number };
  /** The last run did not close the log; `signedThrough` is the last record its key vouched for. */
  readonly unclean?: { readonly signedThrough: number };
  readonly torn?: TornTail;
}

const FRESH: Resume = { nextSeq: 0, prev: ZERO_HASH };

/**
 * Reads where a log ends: checks its last segment line by line, its joint to the one before, and the
 * signed head. What an interrupted write left after the last whole record is copied to a side file
 * and cut off; nothing that the signed head covers is ever cut. Deeper damage is for `verifyAudit`.
 *
 * @throws AppError `AUDIT_CORRUPT` when records that the head vouches for are missing or changed, or
 * records follow a closed log; `AUDIT_KEY_MISMATCH`.
 */
export async function recover(dir: string, signer: AuditSigner, fs: AuditFs): Promise<Resume> {
  const reading = await readHead(dir);
  const segments = await listSegments(dir);
  const last = segments.at(-1);
  if (last === undefined) {
    if (reading.status === 'missing') return FRESH;
    throw damaged('there is a signed head but not one segment');
  }
  const genesis = await readFirst(segments[0] ?? last);
  if (genesis === undefined) return restart(dir, segments, reading.status === 'missing', fs);
  if (genesis.publicKey !== signer.publicKey)
    throw new AppError('AUDIT_KEY_MISMATCH', {
      params: { expected: genesis.key, found: signer.keyId },
    });
  const before = segments.at(-2);
  const scan = await scanTail(
    last,
    before === undefined ? ZERO_HASH : await lastHash(before, last.first),
  );
  const lastSeq = scan.nextSeq - 1;
  const head = checkHead(reading, genesis, lastSeq, scan);
  const torn = scan.bad === 0 ? undefined : await setAside(dir, last, scan, fs);
  if (head?.state !== 'closed') await makeDurable(dir, last, fs);
  return {
    chain: genesis.chain,
    nextSeq: scan.nextSeq,
    prev: scan.prev,
    segment: { path: last.path, size: scan.good },
    ...(head?.state === 'closed' ? {} : { unclean: { signedThrough: head?.seq ?? 0 } }),
    ...(torn === undefined ? {} : { torn }),
  };
}

function checkHead(
  reading: Awaited<ReturnType<typeof readHead>>,
  genesis: Genesis,
  lastSeq: number,
  scan: Scan,
): Head | undefined {
  // The first head is written before the first record is accepted.
  if (reading.status === 'missing' && lastSeq === 0) return undefined;
  const key = readPublicKey(genesis.publicKey);
  if (reading.status !== 'read') throw damaged(`the signed head file is ${reading.status}`);
  const { head } = reading;
  if (key === undefined || !isHeadSigned(head, genesis.chain, key))
    throw damaged('the signature of the head file is wrong');
  if (lastSeq < head.seq)
    throw damaged(
      `record ${lastSeq + 1} is missing or changed, and the head vouches for ${head.seq}`,
    );
  const hash = scan.hashes(head.seq);
  if (hash !== undefined && hash !== head.hash)
    throw damaged(`record ${head.seq} is not the one that was signed`);
  if (head.state === 'closed' && (lastSeq > head.seq || scan.bad > 0))
    throw damaged(`something was added after the log was closed at record ${head.seq}`);
  if (scan.bad > MAX_TORN_BYTES)
    throw damaged(
      `record ${lastSeq + 1} is changed; this is more than an interrupted write leaves`,
    );
  return head;
}

async function readFirst(segment: SegmentFile): Promise<Genesis | undefined> {
  if (segment.first !== 0) throw damaged('the first segment is missing');
  const handle = await openSegment(segment.path);
  if (handle === undefined) throw damaged(`${segment.name} is not a regular file`);
  try {
    for await (const [line] of readLines(handle)) {
      const frame = line?.form === 'whole' ? parseFrame(line.bytes) : undefined;
      return frame?.kind === 'genesis' && frame.seq === 0
        ? readGenesis(frame.payload())
        : undefined;
    }
    return undefined;
  } finally {
    await handle.close();
  }
}

/** The very first write was interrupted: nothing was ever acknowledged, so the log begins again. */
async function restart(
  dir: string,
  segments: readonly SegmentFile[],
  noHead: boolean,
  fs: AuditFs,
): Promise<Resume> {
  const [only] = segments;
  if (!noHead || only === undefined || segments.length > 1)
    throw damaged('the first record is not readable');
  const scan = await scanTail(only, ZERO_HASH);
  if (scan.nextSeq > 0 || scan.bad > MAX_LINE_BYTES)
    throw damaged('the first record is not readable');
  if (scan.bad > 0) await setAside(dir, only, scan, fs);
  return { ...FRESH, segment: { path: only.path, size: 0 } };
}

interface Scan {
  readonly nextSeq: number;
  readonly prev: string;
  /** Bytes up to the end of the last good line, and bytes after it. */
  readonly good: number;
  readonly bad: number;
  /** Hash of the record, when it was seen. */
  hashes(seq: number): string | undefined;
}

async function scanTail(segment: SegmentFile, prev: string): Promise<Scan> {
  const handle = await openSegment(segment.path);
  if (handle === undefined) throw damaged(`${segment.name} is not a regular file`);
  // All hashes of the segment, since the head may be anywhere in it; 64 MiB hold ~100,000 records.
  const seen: string[] = [];
  let tip = prev;
  let good = 0;
  try {
    scan: for await (const lines of readLines(handle)) {
      for (const line of lines) {
        const frame = line.form === 'whole' ? parseFrame(line.bytes) : undefined;
        if (frame === undefined) break scan;
        if (frame.seq !== segment.first + seen.length || frame.prev !== tip) break scan;
        tip = frame.hash;
        seen.push(frame.hash);
        good = line.offset + line.bytes.length + 1;
      }
    }
    const { size } = await handle.stat();
    return {
      nextSeq: segment.first + seen.length,
      prev: tip,
      good,
      bad: size - good,
      hashes: (seq) => (seq === segment.first - 1 ? prev : seen[seq - segment.first]),
    };
  } finally {
    await handle.close();
  }
}

/** Hash of the last line of a finished segment, which must be record `next - 1`. */
async function lastHash(segment: SegmentFile, next: number): Promise<string> {
  const handle = await openSegment(segment.path);
  if (handle === undefined) throw damaged(`${segment.name} is not a regular file`);
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, 2 * MAX_LINE_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    const tail = buffer.subarray(0, bytesRead);
    const start = tail.lastIndexOf(10, tail.length - 2) + 1;
    const frame = tail.at(-1) === 10 ? parseFrame(tail.subarray(start, -1)) : undefined;
    if (frame === undefined || frame.seq !== next - 1)
      throw damaged(`${segment.name} does not end with record ${next - 1}`);
    return frame.hash;
  } finally {
    await handle.close();
  }
}

/** A killed process may leave whole records that never reached the disk, and the next head vouches for them. */
async function makeDurable(dir: string, segment: SegmentFile, fs: AuditFs): Promise<void> {
  const handle = await open(segment.path, 'r+');
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await fs.syncDirectory(dir);
}

async function setAside(
  dir: string,
  segment: SegmentFile,
  scan: Scan,
  fs: AuditFs,
): Promise<TornTail> {
  const handle = await open(segment.path, 'r+');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(scan.bad), 0, scan.bad, scan.good);
    const bytes = buffer.subarray(0, bytesRead);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    // By content: when this is interrupted, the next start writes the same file again.
    const file = `torn-${scan.nextSeq}-${sha256.slice(0, 16)}.bin`;
    await fs.replaceFile(join(dir, file), bytes);
    await fs.syncDirectory(dir);
    await handle.truncate(scan.good);
    await handle.sync();
    return { file, bytes: bytes.length, sha256 };
  } finally {
    await handle.close();
  }
}

export function damaged(problem: string): AppError {
  return new AppError('AUDIT_CORRUPT', { params: { problem } });
}
