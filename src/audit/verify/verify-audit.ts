import { createPublicKey } from 'node:crypto';
import { AppError } from '../../kernel/index.ts';
import { parseFrame } from '../format/frame.ts';
import { HEAD_FILE, type Head, type HeadReading, isHeadSigned, readHead } from '../format/head.ts';
import { type Line, readLines } from '../format/read-lines.ts';
import { listSegments, openSegment, type SegmentFile } from '../format/segments.ts';
import { readPublicKey } from '../format/statements.ts';
import { type ChainCheck, createChainCheck, type Finding } from './chain-check.ts';
import type { VerifyOptions, VerifyProblem, VerifyReport, VerifyStep } from './problem.ts';

const MAX_EXPECTED = 10_000;

interface Place {
  readonly file: string;
  readonly offset: number;
  readonly line: number;
}

/**
 * Reads a whole log and names the first thing that is wrong with it. Memory stays constant whatever
 * the files hold; works beside a running writer (which may be within a line) and without one.
 *
 * Promised: against anybody without the signing key, every change up to the last signed record is
 * found: a changed byte, a record or segment removed, moved, added or rewritten, a tail cut off. After
 * a clean stop that is the whole log; beside a running writer all but the last second or so, where
 * changes that break the chain are found, but a cut of the very end and forged records are not.
 * Not promised: whoever holds the key can write another history, and whoever can restore an older
 * copy of the whole directory, head included, can undo records. Against both, keep receipts
 * elsewhere and give them as `expect`.
 *
 * @throws AppError `AUDIT_BAD_QUERY` for a key that is none; errors of the file system as they are.
 */
export async function* verifyAuditSteps(
  dir: string,
  options: VerifyOptions = {},
): AsyncGenerator<VerifyStep, void, void> {
  const publicKey = options.publicKey === undefined ? undefined : keyText(options.publicKey);
  // Before the segments are listed: the log only grows, so it may not be shorter than this head.
  const reading = await readHead(dir);
  const head = reading.status === 'read' ? reading.head : undefined;
  const segments = await listSegments(dir);
  const expect = new Map(
    (options.expect ?? []).slice(0, MAX_EXPECTED).map(({ seq, hash }) => [seq, hash]),
  );
  const chain = createChainCheck({
    expect,
    ...(publicKey === undefined ? {} : { publicKey }),
    ...(head === undefined ? {} : { head }),
  });
  let problem: VerifyProblem | undefined;
  let partial: Place | undefined;
  let partialBytes = 0;
  let bytes = 0;
  let seen = 0;
  let end: Place = { file: segments.at(-1)?.name ?? HEAD_FILE, offset: 0, line: 1 };

  for (const [index, segment] of segments.entries()) {
    seen = index + 1;
    const wrongName = checkName(segment, chain.next());
    if (wrongName !== undefined) {
      problem = at(wrongName, { file: segment.name, offset: 0, line: 1 });
      break;
    }
    let lineNumber = 0;
    for await (const lines of linesOf(segment, options.signal)) {
      if (lines === undefined) {
        const message = `${segment.name} is not a regular file`;
        problem = at({ kind: 'removed', seq: chain.next(), message }, end);
        break;
      }
      for (const line of lines) {
        lineNumber += 1;
        const place = { file: segment.name, offset: line.offset, line: lineNumber };
        if (line.form === 'partial' && index === segments.length - 1) {
          partial = place;
          partialBytes = line.bytes.length;
          break;
        }
        const wrong = checkLine(line, chain);
        if (wrong !== undefined) {
          problem = at(await refine(wrong, segments.slice(index)), place);
          break;
        }
        const offset = line.offset + line.bytes.length + 1;
        end = { file: segment.name, offset, line: lineNumber + 1 };
        bytes += line.bytes.length + 1;
      }
      if (problem !== undefined) break;
      yield { type: 'progress', progress: { records: chain.next(), segments: seen, bytes } };
    }
    if (problem !== undefined) break;
  }

  if (problem === undefined && segments.length === 0 && reading.status === 'missing')
    problem = at({ kind: 'no_log', seq: 0, message: 'there is no audit log here' }, end);
  problem ??= await checkEnd(dir, reading, chain, expect, partial, end);
  yield { type: 'result', report: reportOf() };

  function reportOf(): VerifyReport {
    const next = chain.next();
    const keyId = chain.keyId();
    return {
      ok: problem === undefined,
      records: next,
      segments: seen,
      chain: chain.chain(),
      head: next === 0 ? undefined : { seq: next - 1, hash: chain.tip() },
      signedSeq: chain.signedSeq(),
      key: keyId === undefined ? undefined : { keyId, given: publicKey !== undefined },
      closed: head?.state === 'closed',
      partialBytes,
      problem,
    };
  }
}

/** {@link verifyAuditSteps} to its end. */
export async function verifyAudit(
  dir: string,
  options: VerifyOptions & { readonly onProgress?: (records: number) => void } = {},
): Promise<VerifyReport> {
  for await (const step of verifyAuditSteps(dir, options)) {
    if (step.type === 'result') return step.report;
    options.onProgress?.(step.progress.records);
  }
  throw new AppError('INTERNAL');
}

async function* linesOf(
  segment: SegmentFile,
  signal: AbortSignal | undefined,
): AsyncGenerator<Line[] | undefined> {
  const handle = await openSegment(segment.path);
  if (handle === undefined) {
    yield undefined;
    return;
  }
  try {
    for await (const lines of readLines(handle)) {
      signal?.throwIfAborted();
      yield lines;
    }
  } finally {
    await handle.close();
  }
}

function checkName(segment: SegmentFile, next: number): Finding | undefined {
  if (segment.first === next) return undefined;
  return segment.first > next
    ? {
        kind: 'removed',
        seq: next,
        message: `records ${next} to ${segment.first - 1} are missing: no segment holds them`,
      }
    : {
        kind: 'inserted',
        seq: next,
        message: `${segment.name} holds records that another segment held already`,
      };
}

function checkLine(line: Line, chain: ChainCheck): Finding | undefined {
  const seq = chain.next();
  if (line.form === 'endless')
    return { kind: 'bit_flip', seq, message: `record ${seq} is longer than any record can be` };
  if (line.form === 'partial')
    return { kind: 'torn_tail', seq, message: `the segment ends within record ${seq}` };
  const frame = parseFrame(line.bytes);
  if (frame !== undefined) return chain.take(frame);
  return {
    kind: 'bit_flip',
    seq,
    message: `the bytes of record ${seq} are not the ones that were written`,
  };
}

/** A record missing here may stand further on: then it was moved. */
async function refine(found: Finding, rest: readonly SegmentFile[]): Promise<Finding> {
  if (found.kind !== 'removed') return found;
  const message = `record ${found.seq} was moved behind later ones`;
  for (const segment of rest) {
    for await (const lines of linesOf(segment, undefined)) {
      for (const line of lines ?? []) {
        const frame = line.form === 'whole' ? parseFrame(line.bytes) : undefined;
        if (frame?.seq === found.seq) return { ...found, kind: 'reordered', message };
      }
    }
  }
  return found;
}

async function checkEnd(
  dir: string,
  reading: HeadReading,
  chain: ChainCheck,
  expect: ReadonlyMap<number, string>,
  partial: Place | undefined,
  end: Place,
): Promise<VerifyProblem | undefined> {
  const next = chain.next();
  const inHead = { file: HEAD_FILE, offset: 0, line: 1 };
  // Records without a head exist for a moment while a log is begun.
  if (reading.status === 'missing')
    return next <= 1
      ? undefined
      : at({ kind: 'bad_signature', seq: next, message: 'the signed head is missing' }, inHead);
  if (reading.status === 'bad')
    return at({ kind: 'bad_signature', seq: next, message: 'the signed head is damaged' }, inHead);
  const { head } = reading;
  const key = chain.key();
  if (key !== undefined && !isHeadSigned(head, chain.chain() ?? '', key))
    return at(
      { kind: 'bad_signature', seq: next, message: 'the signature of the head is wrong' },
      inHead,
    );
  if (head.seq >= next) {
    const message = `the log ends before record ${next}, and its signed head names record ${head.seq}`;
    return partial === undefined
      ? at({ kind: 'cut_tail', seq: next, message }, end)
      : at({ kind: 'torn_tail', seq: next, message: `${message}; a part of it is left` }, partial);
  }
  const lost = Math.min(...expect.keys());
  if (lost >= next && lost !== Number.POSITIVE_INFINITY) {
    const message = `the log ends before record ${next}, and there is a receipt for record ${lost}`;
    return at({ kind: 'cut_tail', seq: next, message }, end);
  }
  if (head.state === 'closed' && (next > head.seq + 1 || partial !== undefined)) {
    // A gateway may have started since the head was read.
    const again = await readHead(dir);
    if (again.status === 'read' && key !== undefined && isReopened(again.head, head, key))
      return undefined;
    const message = `something was added after the log was closed at record ${head.seq}`;
    return at({ kind: 'inserted', seq: head.seq + 1, message }, partial ?? end);
  }
  return undefined;
}

function isReopened(now: Head, then: Head, key: Parameters<typeof isHeadSigned>[2]): boolean {
  return now.time >= then.time && now.sig !== then.sig && isHeadSigned(now, then.chain, key);
}

function at(finding: Finding, place: Place): VerifyProblem {
  return { ...finding, ...place };
}

function keyText(text: string): string {
  try {
    const key = text.includes('-----') ? createPublicKey(text) : readPublicKey(text);
    const { x } = key?.export({ format: 'jwk' }) ?? {};
    if (key?.asymmetricKeyType === 'ed25519' && x !== undefined) return x;
  } catch {
    // Named below.
  }
  throw new AppError('AUDIT_BAD_QUERY', { params: { problem: 'not an Ed25519 public key' } });
}
