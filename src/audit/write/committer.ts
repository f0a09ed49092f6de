import { AppError, type Clock, type Logger, MIB, type Timer } from '../../kernel/index.ts';
import { MAX_BATCH_LENGTH } from '../format/limits.ts';
import type { AuditReceipt, AuditRecord, AuditUrgency, AuditWriter } from '../model.ts';
import type { Chain, ChainLine } from './chain.ts';
import type { AuditStats } from './create-audit-log.ts';
import type { SegmentWriter } from './segment-writer.ts';

/** Text that may wait for the disk, in UTF-16 code units. */
const MAX_WAITING_LENGTH = 64 * MIB;

/** A record that nothing waits for is on its way to the disk after this at the latest, in ms. */
export const SOON_MS = 10;

interface Waiter {
  readonly receipt: AuditReceipt;
  readonly resolve: (receipt: AuditReceipt) => void;
  readonly reject: (error: unknown) => void;
}

interface Batch {
  readonly first: number;
  text: string;
  last: AuditReceipt;
  readonly waiters: Waiter[];
}

export interface Committer extends AuditWriter {
  /** Writes the first line of a new log. */
  begin(): Promise<void>;
  stats(): AuditStats;
  /** Accepts nothing more and waits for the rest; true when all of it is durable. */
  close(): Promise<boolean>;
}

/** Group commit: what comes in while the disk is busy goes out together with the next fdatasync. */
export function createCommitter(options: {
  readonly chain: Chain;
  readonly writer: SegmentWriter;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxOutstanding: number;
  readonly maxBatch: number;
  readonly onDurable: (tip: AuditReceipt) => void;
}): Committer {
  const { chain, writer, clock, logger, maxOutstanding, maxBatch } = options;
  let queue: Batch[] = [];
  let outstanding = 0;
  let waitingLength = 0;
  let running: Promise<void> | undefined;
  let timer: Timer | undefined;
  /** Somebody waits for a record in the queue. */
  let wanted = false;
  let failure: string | undefined;
  let closed = false;
  let records = 0;
  let batches = 0;

  const add = (made: ChainLine): Batch => {
    let batch = queue.at(-1);
    if (
      batch === undefined ||
      batch.waiters.length >= maxBatch ||
      batch.text.length + made.line.length > MAX_BATCH_LENGTH
    ) {
      batch = { first: made.receipt.seq, text: '', last: made.receipt, waiters: [] };
      queue.push(batch);
      wanted ||= queue.length > 1;
    }
    batch.text += made.line;
    batch.last = made.receipt;
    waitingLength += made.line.length;
    return batch;
  };

  const start = (): void => {
    wanted = true;
    timer?.cancel();
    timer = undefined;
    running ??= flush();
  };

  const flush = async (): Promise<void> => {
    while (wanted) {
      // One turn of the event loop: the callers just released add their next records to this batch.
      await new Promise((resolve) => setImmediate(resolve));
      const batch = queue.shift();
      wanted = queue.length > 0;
      if (batch === undefined) break;
      try {
        await writer.commit(Buffer.from(batch.text, 'utf8'), batch.first);
      } catch (cause) {
        fail(batch, cause);
        break;
      }
      batches += 1;
      waitingLength -= batch.text.length;
      outstanding -= batch.waiters.length;
      records += batch.waiters.length;
      options.onDurable(batch.last);
      for (const waiter of batch.waiters) waiter.resolve(waiter.receipt);
    }
    running = undefined;
    if (queue.length > 0) timer ??= clock.setTimeout(start, SOON_MS);
  };

  const fail = (batch: Batch, cause: unknown): void => {
    const code = (cause as NodeJS.ErrnoException).code;
    failure = code === 'ENOSPC' ? 'the disk is full' : `writing failed (${code ?? 'no code'})`;
    logger.fatal({ code, seq: batch.first }, 'the audit log failed; nothing is accepted any more');
    const lost = [batch, ...queue];
    queue = [];
    wanted = false;
    outstanding = 0;
    waitingLength = 0;
    for (const { waiters } of lost)
      for (const waiter of waiters) waiter.reject(unavailable(failure, cause));
  };

  const append = (record: AuditRecord, urgency: AuditUrgency = 'now'): Promise<AuditReceipt> => {
    if (failure !== undefined) return Promise.reject(unavailable(failure));
    if (closed) return Promise.reject(unavailable('it is closed'));
    // What has happened already has twice the room of what asks to happen.
    const share = record.type === 'outcome' || record.type === 'fault' ? 2 : 1;
    if (outstanding >= share * maxOutstanding || waitingLength >= share * MAX_WAITING_LENGTH)
      return Promise.reject(new AppError('AUDIT_BACKPRESSURE'));
    return new Promise((resolve, reject) => {
      const made = chain.record(record);
      outstanding += 1;
      add(made).waiters.push({ receipt: made.receipt, resolve, reject });
      const checkpoint = chain.checkpoint();
      if (checkpoint !== undefined) add(checkpoint);
      if (urgency === 'now' || wanted) start();
      else if (running === undefined) timer ??= clock.setTimeout(start, SOON_MS);
    });
  };

  const finish = async (): Promise<void> => {
    if (queue.length > 0) start();
    await running;
  };

  return {
    append,
    async begin() {
      add(chain.genesis());
      await finish();
      if (failure !== undefined) throw unavailable(failure);
    },
    stats: () => ({
      nextSeq: chain.nextSeq(),
      outstanding,
      records,
      batches,
      ...(failure === undefined ? {} : { failure }),
    }),
    async close() {
      closed = true;
      await finish();
      if (failure !== undefined) return false;
      const checkpoint = chain.checkpoint(true);
      if (checkpoint !== undefined) add(checkpoint);
      await finish();
      timer?.cancel();
      return failure === undefined;
    },
  };
}

function unavailable(problem: string, cause?: unknown): AppError {
  return new AppError('AUDIT_UNAVAILABLE', {
    params: { problem },
    ...(cause === undefined ? {} : { cause }),
  });
}
