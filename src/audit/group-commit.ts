import { AppError, type Clock, type Timer } from '../kernel/index.ts';
import type { AuditReceipt, AuditUrgency } from './model.ts';
import type { AppendFile } from './ports.ts';

/** A record that nothing waits for is durable after this at the latest. */
export const SOON_MS = 10;
export const MAX_OUTSTANDING = 4_096;
export const MAX_BATCH_BYTES = 4 * 1024 * 1024;

interface Waiting {
  readonly line: string;
  readonly receipt: AuditReceipt;
  readonly resolve: (receipt: AuditReceipt) => void;
  readonly reject: (error: Error) => void;
}

export interface GroupCommit {
  /** Queues a line; the promise settles when it is on stable storage. */
  push(line: string, receipt: AuditReceipt, urgency: AuditUrgency): Promise<AuditReceipt>;
  outstanding(): number;
  /** Resolves when everything queued so far was settled. */
  drain(): Promise<void>;
  /** Set once the disk failed; final. */
  failure(): Error | undefined;
}

/**
 * One write and one fdatasync for all lines that wait; the next batch collects meanwhile. A failed write or sync is
 * final: after a failed fsync the page cache may claim data that never reached the disk, so nothing is tried again.
 */
export function createGroupCommit(deps: {
  readonly clock: Clock;
  /** The file for the next batch of that many bytes; may open the next segment. */
  target(bytes: number): AppendFile | Promise<AppendFile>;
  /** After a batch became durable. */
  onDurable(last: AuditReceipt, bytes: number): void;
}): GroupCommit {
  let queue: Waiting[] = [];
  let flushing = false;
  let scheduled = false;
  let failed: Error | undefined;
  let timer: Timer | undefined;
  let unsettled = 0;
  let drained: Array<() => void> = [];

  const settle = (batch: readonly Waiting[], error: Error | undefined): void => {
    unsettled -= batch.length;
    for (const { resolve, reject, receipt } of batch)
      error === undefined ? resolve(receipt) : reject(error);
    if (unsettled === 0) {
      const waiting = drained;
      drained = [];
      for (const resolve of waiting) resolve();
    }
  };

  const fail = (batch: readonly Waiting[], cause: unknown): void => {
    failed = new AppError('AUDIT_UNAVAILABLE', {
      params: { problem: (cause as NodeJS.ErrnoException)?.code ?? 'the write failed' },
      cause,
    });
    flushing = false;
    const rest = queue;
    queue = [];
    settle([...batch, ...rest], failed);
  };

  const take = (): Waiting[] => {
    let bytes = 0;
    let count = 0;
    for (const { line } of queue) {
      bytes += line.length;
      if (count > 0 && bytes > MAX_BATCH_BYTES) break;
      count++;
    }
    if (count === queue.length) {
      const all = queue;
      queue = [];
      return all;
    }
    return queue.splice(0, count);
  };

  const flush = (): void => {
    scheduled = false;
    if (flushing || failed !== undefined || queue.length === 0) return;
    flushing = true;
    timer?.cancel();
    timer = undefined;
    const batch = take();
    let text = '';
    for (const { line } of batch) text += line;
    const data = Buffer.from(text, 'utf8');
    const done = (): void => {
      flushing = false;
      const last = batch[batch.length - 1];
      if (last !== undefined) deps.onDurable(last.receipt, data.length);
      settle(batch, undefined);
      // What came in meanwhile goes at once: somebody may wait, and a batch in flight has delayed it already.
      flush();
    };
    const write = (file: AppendFile): void =>
      file.write(data, (error) => {
        if (error !== null) return fail(batch, error);
        file.datasync((syncError) => (syncError === null ? done() : fail(batch, syncError)));
      });
    try {
      const file = deps.target(data.length);
      if (file instanceof Promise) file.then(write, (error: unknown) => fail(batch, error));
      else write(file);
    } catch (error) {
      fail(batch, error);
    }
  };

  return {
    push(line, receipt, urgency) {
      unsettled++;
      return new Promise<AuditReceipt>((resolve, reject) => {
        queue.push({ line, receipt, resolve, reject });
        if (flushing) return;
        if (urgency === 'soon') timer ??= deps.clock.setTimeout(flush, SOON_MS);
        else if (!scheduled) {
          // Records of the same turn of the event loop share the flush.
          scheduled = true;
          queueMicrotask(flush);
        }
      });
    },
    outstanding: () => unsettled,
    drain() {
      flush();
      if (unsettled === 0) return Promise.resolve();
      return new Promise((resolve) => drained.push(resolve));
    },
    failure: () => failed,
  };
}
