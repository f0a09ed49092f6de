import { chmod, mkdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { AppError, type Clock, type Logger, type Timer } from '../kernel/index.ts';
import { createGroupCommit, MAX_OUTSTANDING } from './group-commit.ts';
import { writeHead } from './head.ts';
import { chainHash, encodeLine, encodeRecord, FORMAT_VERSION } from './line.ts';
import type { AuditReceipt, AuditRecord, AuditUrgency, AuditWriter } from './model.ts';
import { nodeFs } from './node-fs.ts';
import type { AppendFile, AuditFs, HeadSigner } from './ports.ts';
import { resumeLog } from './recover.ts';
import { segmentPath } from './segment-files.ts';
import { lockWriter } from './writer-lock.ts';

export const SEGMENT_BYTES = 64 * 1024 * 1024;
/** A signed head is written at most this often while records arrive: the part of a tail whose cut would go unseen. */
export const HEAD_INTERVAL_MS = 1_000;

export interface AuditLogOptions {
  readonly dir: string;
  readonly clock: Clock;
  readonly signer: HeadSigner;
  readonly logger: Logger;
  /** Name of a new chain; a resumed log keeps its own. */
  readonly chain: string;
  readonly fs?: AuditFs;
  readonly segmentBytes?: number;
  readonly maxOutstanding?: number;
}

export interface AuditLog extends AuditWriter {
  readonly dir: string;
  readonly chain: string;
  /** The last durable record; undefined while the log is empty. */
  head(): AuditReceipt | undefined;
  /** False once the disk failed: nothing may be done any more that has to be recorded. */
  healthy(): boolean;
  /** Runs after every batch that became durable. */
  onDurable(listener: (last: AuditReceipt) => void): () => void;
  /** Flushes, signs the head and releases the lock. */
  close(): Promise<void>;
}

/**
 * Opens a log for writing: takes the lock, resumes the chain, cuts and reports a torn tail. Errors: `AUDIT_LOCKED`,
 * `AUDIT_CORRUPT`, `AUDIT_UNAVAILABLE`.
 */
export async function openAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  const { dir, clock, logger } = options;
  const fs = options.fs ?? nodeFs;
  const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
  const maxOutstanding = options.maxOutstanding ?? MAX_OUTSTANDING;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await chmod(dir, 0o700);
  const release = await lockWriter(dir);
  try {
    const resumed = await resumeLog(dir);
    const chain = resumed.chain ?? options.chain;
    let seq = resumed.nextSeq;
    let prev = resumed.prevHash;
    let file: AppendFile | undefined =
      resumed.segment === undefined
        ? undefined
        : await fs.openAt(resumed.segment.path, resumed.segment.size);
    let fileBytes = resumed.segment?.size ?? 0;
    let durable: AuditReceipt | undefined = seq === 0 ? undefined : { seq: seq - 1, hash: prev };
    let headTimer: Timer | undefined;
    let headWork: Promise<unknown> = Promise.resolve();
    let closed = false;
    const listeners = new Set<(last: AuditReceipt) => void>();

    const signHead = (): void => {
      headTimer = undefined;
      const at = durable;
      if (at === undefined) return;
      headWork = headWork
        .then(() =>
          writeHead(dir, { chain, seq: at.seq, hash: at.hash, time: clock.now() }, options.signer),
        )
        .catch((error: unknown) =>
          logger.error({ err: error }, 'the audit head could not be written'),
        );
    };

    // A full segment is closed between two batches; the next one starts with a record that names the hash it continues.
    const commit = createGroupCommit({
      clock,
      target: () => {
        if (file === undefined) throw new Error('no segment is open');
        return file;
      },
      onDurable(last, bytes) {
        durable = last;
        fileBytes += bytes;
        headTimer ??= clock.setTimeout(signHead, HEAD_INTERVAL_MS);
        for (const listener of listeners) listener(last);
        if (fileBytes >= segmentBytes) rotate();
      },
    });

    const push = (record: AuditRecord, urgency: AuditUrgency): Promise<AuditReceipt> => {
      const json = encodeRecord(seq, record);
      const receipt = { seq, hash: chainHash(prev, json) };
      prev = receipt.hash;
      seq++;
      return commit.push(encodeLine(receipt.hash, json), receipt, urgency);
    };

    const segmentRecord = (): AuditRecord => ({
      type: 'segment',
      time: clock.now(),
      actor: { agent: '', agentId: '', owner: '', channel: 'system' },
      detail: { chain, format: FORMAT_VERSION, prev, keyId: options.signer.keyId },
    });

    let rotating: Promise<void> | undefined;
    const held: Array<() => void> = [];
    function rotate(): void {
      if (rotating !== undefined || closed) return;
      rotating = (async () => {
        await commit.drain();
        const old = file;
        file = await fs.create(segmentPath(dir, seq));
        fileBytes = 0;
        await old?.close();
        const first = push(segmentRecord(), 'now');
        rotating = undefined;
        for (const resume of held.splice(0)) resume();
        await first;
        if (!closed) signHead();
      })().catch((error: unknown) => {
        rotating = undefined;
        broken = new AppError('AUDIT_UNAVAILABLE', {
          params: { problem: 'the next segment could not be created' },
          cause: error,
        });
        for (const resume of held.splice(0)) resume();
      });
    }
    let broken: Error | undefined;

    if (file === undefined) {
      file = await fs.create(segmentPath(dir, seq));
      await push(segmentRecord(), 'now');
    } else if (resumed.segment?.size === 0) {
      await push(segmentRecord(), 'now');
    }
    if (resumed.torn !== undefined) {
      logger.warn(
        { bytes: resumed.torn.bytes },
        'the audit log ended within a record; the rest was kept aside',
      );
      await push(
        {
          type: 'fault',
          time: clock.now(),
          actor: { agent: '', agentId: '', owner: '', channel: 'system' },
          effect: 'recovered',
          detail: { ...resumed.torn, file: basename(resumed.torn.file) },
        },
        'now',
      );
    }

    return {
      dir,
      chain,
      head: () => durable,
      healthy: () => broken === undefined && commit.failure() === undefined && !closed,
      onDurable(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
      append(record, urgency = 'now') {
        const failure = broken ?? commit.failure();
        if (failure !== undefined) return Promise.reject(failure);
        if (closed)
          return Promise.reject(
            new AppError('AUDIT_UNAVAILABLE', { params: { problem: 'it is closed' } }),
          );
        if (commit.outstanding() + held.length >= maxOutstanding) {
          return Promise.reject(
            new AppError('AUDIT_BACKPRESSURE', { params: { limit: maxOutstanding } }),
          );
        }
        if (rotating === undefined) return push(record, urgency);
        return new Promise<void>((resolve) => held.push(resolve)).then(() => {
          if (broken !== undefined) throw broken;
          return push(record, urgency);
        });
      },
      async close() {
        if (closed) return;
        await rotating;
        closed = true;
        await commit.drain();
        headTimer?.cancel();
        if (commit.failure() === undefined) signHead();
        await headWork;
        await file?.close();
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}
