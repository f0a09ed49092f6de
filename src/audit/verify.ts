import type { KeyObject } from 'node:crypto';
import { basename } from 'node:path';
import { readHead, verifyHead } from './head.ts';
import { chainHash, decodeRecord, GENESIS_HASH, splitLine } from './line.ts';
import { readLines } from './read-lines.ts';
import { listSegments } from './segment-files.ts';

export type VerifyProblemKind =
  | 'damaged' // a record's bytes don't match its hash: changed, flipped, or its predecessor was
  | 'removed' // the next record's number jumps ahead
  | 'reordered' // a record's number is lower than its place
  | 'missing_segment'
  | 'cut_tail' // the signed head names a record the log doesn't hold
  | 'head_mismatch' // the log holds another record where the head names its hash
  | 'bad_signature'
  | 'torn_tail'
  | 'no_log';

/** The first thing that is wrong. */
export interface VerifyProblem {
  readonly kind: VerifyProblemKind;
  /** The first bad record. */
  readonly seq: number;
  readonly file: string;
  /** Byte offset in the file. */
  readonly offset: number;
  readonly message: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly records: number;
  readonly segments: number;
  readonly chain: string | undefined;
  readonly head: { readonly seq: number; readonly hash: string } | undefined;
  /** The last record that a signature covers; records after it rest on the chain alone. */
  readonly signedSeq: number | undefined;
  readonly problem: VerifyProblem | undefined;
}

export interface VerifyOptions {
  /** SPKI PEM or key; without it the head's signature is not checked. */
  readonly publicKey?: KeyObject | string;
  /** Called about every 10 000 records. */
  readonly onProgress?: (records: number) => void;
}

const PROGRESS_EVERY = 10_000;

/**
 * Proves a log whole and names the first bad record. Streams in constant memory; works beside a running writer (an
 * unfinished last line is not a fault as long as the signed head does not reach it).
 */
export async function verifyAudit(dir: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  // The head is read first: the log may grow meanwhile, but it can't lawfully be shorter than what was signed before.
  const head = await readHead(dir);
  const segments = await listSegments(dir);
  let seq = 0;
  let prev = GENESIS_HASH;
  let chain: string | undefined;
  let hashAtHead: string | undefined;
  const report = (problem: VerifyProblem | undefined): VerifyReport => ({
    ok: problem === undefined,
    records: seq,
    segments: segments.length,
    chain,
    head: seq === 0 ? undefined : { seq: seq - 1, hash: prev },
    signedSeq: head === undefined || head === 'malformed' ? undefined : head.seq,
    problem,
  });
  const bad = (
    kind: VerifyProblemKind,
    file: string,
    offset: number,
    message: string,
  ): VerifyReport => report({ kind, seq, file: basename(file), offset, message });

  if (segments.length === 0) {
    return head === undefined
      ? bad('no_log', dir, 0, 'there is no audit log in this directory')
      : bad('cut_tail', dir, 0, 'every segment is gone, but a signed head exists');
  }
  if (head === 'malformed')
    return bad('bad_signature', 'head.json', 0, 'the signed head is damaged');
  if (
    head !== undefined &&
    options.publicKey !== undefined &&
    !verifyHead(head, options.publicKey)
  ) {
    return bad('bad_signature', 'head.json', 0, 'the signature of the head does not verify');
  }
  for (const [index, segment] of segments.entries()) {
    if (segment.firstSeq !== seq) {
      return segment.firstSeq > seq
        ? bad(
            'missing_segment',
            segment.path,
            0,
            `records ${seq} to ${segment.firstSeq - 1} are gone: no segment holds them`,
          )
        : bad(
            'reordered',
            segment.path,
            0,
            `this segment starts at record ${segment.firstSeq}, but ${seq} records came before`,
          );
    }
    const isLast = index === segments.length - 1;
    let first = true;
    for await (const line of readLines(segment.path)) {
      const parts = line.text === undefined ? undefined : splitLine(line.text);
      const record = parts === undefined ? undefined : decodeRecord(parts.json);
      if (!line.complete) {
        if (isLast && (head === undefined || head.seq < seq)) return report(undefined);
        return bad('torn_tail', segment.path, line.offset, `the segment ends within record ${seq}`);
      }
      if (parts === undefined || record === undefined) {
        return bad('damaged', segment.path, line.offset, `record ${seq} is not readable`);
      }
      if (chainHash(prev, parts.json) !== parts.hash) {
        if (record.seq > seq)
          return bad(
            'removed',
            segment.path,
            line.offset,
            `record ${seq} is gone: record ${record.seq} stands in its place`,
          );
        if (record.seq < seq)
          return bad(
            'reordered',
            segment.path,
            line.offset,
            `record ${record.seq} stands in the place of record ${seq}`,
          );
        return bad(
          'damaged',
          segment.path,
          line.offset,
          `record ${seq} was changed: its content does not match its hash`,
        );
      }
      if (record.seq !== seq)
        return bad(
          'reordered',
          segment.path,
          line.offset,
          `record ${record.seq} stands in the place of record ${seq}`,
        );
      if (first !== (record.type === 'segment')) {
        return bad(
          'damaged',
          segment.path,
          line.offset,
          `record ${seq} is not where a segment begins`,
        );
      }
      if (first) {
        const named = record.detail?.['chain'];
        if (
          typeof named !== 'string' ||
          (chain !== undefined && named !== chain) ||
          record.detail?.['prev'] !== prev
        ) {
          return bad(
            'damaged',
            segment.path,
            line.offset,
            'the segment does not continue the one before',
          );
        }
        chain = named;
      }
      first = false;
      prev = parts.hash;
      if (head !== undefined && seq === head.seq) hashAtHead = parts.hash;
      seq++;
      if (seq % PROGRESS_EVERY === 0) options.onProgress?.(seq);
    }
  }
  if (head !== undefined) {
    const last = segments[segments.length - 1]?.path ?? dir;
    if (head.seq >= seq)
      return bad(
        'cut_tail',
        last,
        0,
        `the signed head names record ${head.seq}, but the log ends before record ${seq}`,
      );
    if (head.hash !== hashAtHead || head.chain !== chain) {
      return bad(
        'head_mismatch',
        'head.json',
        0,
        `record ${head.seq} is not the one that was signed`,
      );
    }
  }
  return report(undefined);
}
