import { AppError } from '../../kernel/index.ts';
import { parseFrame } from '../format/frame.ts';
import { readLines } from '../format/read-lines.ts';
import { listSegments, openSegment, type SegmentFile, segmentFile } from '../format/segments.ts';
import { parseObject } from '../format/statements.ts';
import type { AuditRecord } from '../model.ts';
import { waitForChange } from './wait-for-change.ts';

/** `last` reaches back this far at most. */
const MAX_LAST = 1_000_000;

/** A record as it stands in the log. */
export interface StoredRecord extends AuditRecord {
  readonly seq: number;
  readonly hash: string;
}

/** Where a record's line is. */
export interface RecordPlace {
  /** First sequence number of its segment. */
  readonly segment: number;
  readonly offset: number;
  /** Without the line end. */
  readonly bytes: number;
}

export interface ReadAuditOptions {
  readonly fromSeq?: number;
  /** Only the last `last` records of what is there (then following, if asked). */
  readonly last?: number;
  /** Waits for new records until `signal` aborts. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * The records in order, from `fromSeq` on; the log's own lines (its first, checkpoints) are left out.
 * Every line's hash and its link to the line before are checked on the way, but not what came before
 * `fromSeq`, and no signature: see `verifyAudit`. Works beside a running writer. Ends quietly when
 * `signal` aborts.
 *
 * @throws AppError `AUDIT_CORRUPT` at the first line that is not in its place.
 */
export async function* readAudit(
  dir: string,
  options: ReadAuditOptions = {},
): AsyncGenerator<StoredRecord, void, void> {
  const { last, fromSeq = 0 } = options;
  const from = last === undefined ? fromSeq : Math.max(fromSeq, await lastFrom(dir, last));
  for await (const { records } of readPlaces(dir, { ...options, fromSeq: from }))
    for (const { record } of records) yield record;
}

export interface PlacedRecord {
  readonly record: StoredRecord;
  readonly place: RecordPlace;
}

/** Between two lines: where the next one begins and which one it must be. */
export interface ReadCursor {
  /** First sequence number of the segment. */
  readonly segment: number;
  readonly offset: number;
  readonly next: number;
  /** Hash of the line before. */
  readonly tip: string;
}

export interface Block {
  /** Empty when there were only the log's own lines. */
  readonly records: readonly PlacedRecord[];
  /** After the block; goes on from there without reading what came before in the segment. */
  readonly cursor: ReadCursor;
}

/** Like {@link readAudit}, in blocks, with the place of each record; from a cursor when one is given. */
export async function* readPlaces(
  dir: string,
  options: ReadAuditOptions & { readonly cursor?: ReadCursor },
): AsyncGenerator<Block, void, void> {
  const { fromSeq = 0, follow = false, signal } = options;
  const stopped = (): boolean => signal?.aborted === true;
  const { cursor } = options;
  let next = cursor?.next;
  let tip = cursor?.tip;
  let segment = cursor === undefined ? undefined : segmentFile(dir, cursor.segment);
  let offset = cursor?.offset ?? 0;
  while (!stopped()) {
    const segments = await listSegments(dir);
    segment ??= segments.findLast(({ first }) => first <= fromSeq) ?? segments[0];
    // Listed before reading: when a later segment exists, this one has got all its lines.
    const following = segments.find(({ first }) => first > (segment?.first ?? -1));
    if (segment !== undefined) {
      const handle = await openSegment(segment.path);
      if (handle === undefined) throw corrupt(segment.first, `${segment.name} is gone`);
      try {
        for await (const lines of readLines(handle, offset)) {
          const records: PlacedRecord[] = [];
          for (const line of lines) {
            if (line.form === 'partial') break;
            const expected: number = next ?? segment.first;
            const frame = line.form === 'whole' ? parseFrame(line.bytes) : undefined;
            if (frame === undefined) throw corrupt(expected, 'it is not readable');
            if (frame.seq !== expected || (tip !== undefined && frame.prev !== tip))
              throw corrupt(expected, 'another one stands in its place');
            next = frame.seq + 1;
            tip = frame.hash;
            offset = line.offset + line.bytes.length + 1;
            if (frame.seq < fromSeq || frame.kind !== 'record') continue;
            const record = parseObject(frame.payload());
            if (record === undefined) throw corrupt(expected, 'it is not JSON');
            records.push({
              record: { ...(record as unknown as AuditRecord), seq: frame.seq, hash: frame.hash },
              place: {
                segment: segment.first,
                offset: line.offset,
                bytes: line.bytes.length,
              },
            });
          }
          if (next !== undefined && tip !== undefined)
            yield { records, cursor: { segment: segment.first, offset, next, tip } };
          if (stopped()) return;
        }
      } finally {
        await handle.close();
      }
      if (following !== undefined) {
        if (next !== undefined && following.first !== next)
          throw corrupt(next, 'no segment holds it');
        segment = following;
        next = following.first;
        offset = 0;
        continue;
      }
    }
    if (!follow) return;
    await waitForChange(dir, signal);
  }
}

/** The sequence number from which at least `count` records remain; usually exactly. */
async function lastFrom(dir: string, count: number): Promise<number> {
  const segments = await listSegments(dir);
  let missing = Math.min(Math.max(count, 1), MAX_LAST);
  for (const segment of segments.toReversed()) {
    const places = await recordSeqs(segment);
    const first = places.at(-missing);
    if (first !== undefined) return first;
    missing -= places.length;
  }
  return 0;
}

/** Numbers of the records in a segment, without the log's own lines. */
async function recordSeqs(segment: SegmentFile): Promise<number[]> {
  const handle = await openSegment(segment.path);
  const seqs: number[] = [];
  if (handle === undefined) return seqs;
  let seq = segment.first;
  try {
    for await (const lines of readLines(handle))
      for (const line of lines) {
        if (line.form !== 'whole') continue;
        if (/^.{0,112}","record":/.test(line.bytes.toString('latin1', 0, 128))) seqs.push(seq);
        seq += 1;
      }
  } finally {
    await handle.close();
  }
  return seqs;
}

function corrupt(seq: number, problem: string): AppError {
  return new AppError('AUDIT_CORRUPT', { params: { problem: `record ${seq}: ${problem}` } });
}
