import { chmod, mkdir } from 'node:fs/promises';
import {
  AppError,
  type Clock,
  createNullLogger,
  isAppError,
  type Logger,
  MIB,
  type Random,
} from '../../kernel/index.ts';
import { type AuditSigner, CHAIN_NAME } from '../format/statements.ts';
import type { AuditReceipt, AuditWriter } from '../model.ts';
import type { AuditFs } from '../ports.ts';
import { createChain } from './chain.ts';
import { createCommitter } from './committer.ts';
import { createHeadKeeper } from './head-keeper.ts';
import { acquireLock, type Lock } from './lock.ts';
import { nodeFs } from './node-fs.ts';
import { noteRecovery } from './note-recovery.ts';
import { openSigningKey } from './open-key.ts';
import { recover } from './recover.ts';
import { createSegmentWriter } from './segment-writer.ts';

/** A segment that has reached this size is finished. */
export const SEGMENT_BYTES = 64 * MIB;
/** The signed head is renewed at the latest so long after a record: what could be cut off unseen. */
export const HEAD_INTERVAL_MS = 1000;

export interface AuditLogOptions {
  /** The log's own directory; made with mode 0700. On a local disk. */
  readonly dir: string;
  readonly clock: Clock;
  /** Signs checkpoints and the head. */
  readonly signer: AuditSigner;
  /** Name of a new chain, `[A-Za-z0-9_.:-]`; a log that exists keeps its own. */
  readonly chain: string;
  readonly logger?: Logger;
  readonly fs?: AuditFs;
  /** {@link SEGMENT_BYTES} by default. */
  readonly segmentBytes?: number;
  /** Records that may wait for the disk before new ones are refused. 4096 by default. */
  readonly maxOutstanding?: number;
  /** Records written with one fdatasync. 1024 by default. */
  readonly maxBatch?: number;
  /** A signed line, and a new head, after so many records. 1024 by default. */
  readonly checkpointEvery?: number;
  /** {@link HEAD_INTERVAL_MS} by default. */
  readonly headEveryMs?: number;
}

export interface AuditStats {
  readonly nextSeq: number;
  /** Records that wait for the disk. */
  readonly outstanding: number;
  /** Since the log was opened. */
  readonly records: number;
  readonly batches: number;
  /** Why nothing can be appended any more, once that is so. */
  readonly failure?: string;
}

export interface AuditLog extends AuditWriter {
  readonly dir: string;
  readonly chain: string;
  /** Ed25519 public key of the log, base64url. */
  readonly publicKey: string;
  /** The last durable record. */
  head(): AuditReceipt;
  /** False once the disk failed or the log was closed: what has to be recorded may not be done any more. */
  healthy(): boolean;
  stats(): AuditStats;
  /** Runs after every batch that became durable; gives the function that stops it. */
  onDurable(listener: (last: AuditReceipt) => void): () => void;
  /**
   * Waits for what was accepted, signs the end and releases the directory. Later appends reject with
   * `AUDIT_UNAVAILABLE`. After a failure of the disk the end is not signed.
   */
  close(): Promise<void>;
}

/**
 * Opens a log for writing, or begins one.
 *
 * `append` gives each record its place at once and resolves when the record is on stable storage:
 * all records that come in while the disk is busy share the next write and fdatasync. It never throws
 * synchronously and never alters or drops a record silently (see `encodeRecord` for oversized ones).
 * A failed write or fdatasync is final, because the kernel may have thrown the dirty pages away and
 * report success next time: everything waiting and everything later is refused until the log is
 * opened again, which reads what the disk really holds. A refused record may nevertheless be found
 * in the log after such a failure.
 *
 * Past `maxOutstanding` records (or 64 MiB of them) appends reject with `AUDIT_BACKPRESSURE`. Records
 * of what has happened already, `outcome` and `fault`, are taken up to twice that, so that a burst of
 * new calls cannot push out the results of those that were let through.
 *
 * @throws AppError `AUDIT_LOCKED`, `AUDIT_CORRUPT`, `AUDIT_KEY_MISMATCH`, `AUDIT_UNAVAILABLE`
 */
export async function openAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  if (!CHAIN_NAME.test(options.chain)) throw new TypeError('not a name for a chain');
  let lock: Lock | undefined;
  try {
    await mkdir(options.dir, { recursive: true, mode: 0o700 });
    await chmod(options.dir, 0o700);
    lock = await acquireLock(options.dir);
    return await open(options, lock);
  } catch (error) {
    lock?.release();
    if (isAppError(error)) throw error;
    const problem = (error as NodeJS.ErrnoException).code ?? 'it cannot be opened';
    throw new AppError('AUDIT_UNAVAILABLE', { params: { problem }, cause: error });
  }
}

/** {@link openAuditLog} with the key in the log's own directory and a random name for a new chain. */
export async function createAuditLog(
  options: Omit<AuditLogOptions, 'signer' | 'chain'> & {
    readonly random: Random;
    readonly signer?: AuditSigner;
    readonly chain?: string;
  },
): Promise<AuditLog> {
  const { random } = options;
  const signer = options.signer ?? (await openSigningKey(options.dir, random));
  const chain = options.chain ?? Buffer.from(random.bytes(16)).toString('hex');
  return openAuditLog({ ...options, signer, chain });
}

async function open(options: AuditLogOptions, lock: Lock): Promise<AuditLog> {
  const { dir, clock, signer, fs = nodeFs, logger = createNullLogger() } = options;
  const { checkpointEvery = 1024 } = options;
  const resume = await recover(dir, signer, fs);
  const name = resume.chain ?? options.chain;
  const { nextSeq, prev } = resume;
  const chain = createChain({ signer, clock, chain: name, nextSeq, prev, checkpointEvery });
  const heads = createHeadKeeper({
    dir,
    fs,
    signer,
    clock,
    logger,
    chain: name,
    everyRecords: checkpointEvery,
    everyMs: options.headEveryMs ?? HEAD_INTERVAL_MS,
  });
  const writer = createSegmentWriter({
    dir,
    fs,
    segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
    ...(resume.segment === undefined ? {} : { current: resume.segment }),
  });
  const listeners = new Set<(last: AuditReceipt) => void>();
  const committer = createCommitter({
    chain,
    writer,
    clock,
    logger,
    maxOutstanding: options.maxOutstanding ?? 4096,
    maxBatch: options.maxBatch ?? 1024,
    onDurable(last) {
      heads.advance(last);
      for (const listener of listeners) {
        try {
          listener(last);
        } catch (error) {
          logger.error({ err: error }, 'a listener of the audit log failed');
        }
      }
    },
  });
  try {
    if (resume.chain === undefined) await committer.begin();
    else heads.advance({ seq: nextSeq - 1, hash: prev });
    // Before the first record is accepted: after a closed head new records would look planted.
    await heads.write('open');
    await noteRecovery(resume, committer, clock, logger);
  } catch (error) {
    heads.stop();
    await writer.close().catch(() => {});
    throw error;
  }
  const close = async (): Promise<void> => {
    const clean = await committer.close();
    heads.stop();
    try {
      await writer.close();
      if (clean) await heads.write('closed');
    } finally {
      lock.release();
    }
  };
  let closing: Promise<void> | undefined;
  return {
    dir,
    chain: name,
    publicKey: signer.publicKey,
    append: committer.append,
    head: heads.durable,
    healthy: () => closing === undefined && committer.stats().failure === undefined,
    stats: committer.stats,
    onDurable(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}
