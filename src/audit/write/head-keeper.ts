import { join } from 'node:path';
import type { Clock, Logger, Timer } from '../../kernel/index.ts';
import { ZERO_HASH } from '../format/frame.ts';
import { HEAD_FILE, signedHeadText } from '../format/head.ts';
import type { AuditSigner } from '../format/statements.ts';
import type { AuditReceipt } from '../model.ts';
import type { AuditFs } from '../ports.ts';

/**
 * Keeps the signed head file near the end of the log. It only ever names durable records, so after a
 * crash the log is at least as long as its head says.
 */
export interface HeadKeeper {
  /** The log is durable up to here. Returns at once; the file follows in the background. */
  advance(tip: AuditReceipt): void;
  durable(): AuditReceipt;
  /** Writes the head now. Rejects when the disk does not take it. */
  write(state: 'open' | 'closed'): Promise<void>;
  stop(): void;
}

export function createHeadKeeper(options: {
  readonly dir: string;
  readonly fs: AuditFs;
  readonly signer: AuditSigner;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly chain: string;
  readonly everyRecords: number;
  readonly everyMs: number;
}): HeadKeeper {
  const { dir, fs, signer, clock, logger, chain, everyRecords, everyMs } = options;
  let tip: AuditReceipt = { seq: -1, hash: ZERO_HASH };
  let signed = -1;
  let timer: Timer | undefined;
  let busy: Promise<void> = Promise.resolve();
  let stopped = false;
  let waiting = false;
  /** After a failure the timer sets the pace, not the records. */
  let failing = false;

  const put = async (state: 'open' | 'closed'): Promise<void> => {
    const { seq, hash } = tip;
    const text = signedHeadText({ chain, seq, hash, time: clock.now(), state }, signer);
    await fs.replaceFile(join(dir, HEAD_FILE), text);
    await fs.syncDirectory(dir);
    signed = seq;
  };
  const enqueue = (state: 'open' | 'closed'): Promise<void> => {
    const done = busy.then(() => put(state));
    busy = done.catch(() => {});
    return done;
  };
  const renew = (): void => {
    timer?.cancel();
    timer = undefined;
    if (stopped || waiting || signed === tip.seq) return;
    waiting = true;
    failing = false;
    enqueue('open')
      .catch((error: NodeJS.ErrnoException) => {
        failing = true;
        // The records themselves are safe; the next interval writes a new draft file.
        logger.error({ code: error.code }, 'the signed head of the audit log was not written');
      })
      .finally(() => {
        waiting = false;
        arm();
      });
  };
  const arm = (): void => {
    if (stopped || timer !== undefined || signed === tip.seq) return;
    timer = clock.setTimeout(renew, everyMs);
  };

  return {
    advance(next) {
      tip = next;
      const due = signed >= 0 && tip.seq - signed >= everyRecords;
      if (due && !waiting && !failing) renew();
      else arm();
    },
    durable: () => tip,
    write: enqueue,
    stop() {
      stopped = true;
      timer?.cancel();
      timer = undefined;
    },
  };
}
