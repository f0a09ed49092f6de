import { encodeSse } from '../wire/sse-parser.ts';
import type { SseWriter } from './sse-writer.ts';

/** Shared by all logs of the process. */
export interface ReplayBudget {
  used: number;
  readonly max: number;
}

interface Kept {
  readonly seq: number;
  readonly block: string;
}

/**
 * One resumable stream of a legacy session: what was sent lately, and the connection it goes to now, if any. Event ids
 * are `<stream>.<sequence>`, unique in the session, and replay never mixes streams (2025-03-26, transports).
 */
export class ReplayLog {
  readonly stream: number;
  done = false;
  writer: SseWriter | undefined;
  /** Monotonic ms of the last loss of a reader or of the end; decides how long the log is kept. */
  idleSince = 0;
  private readonly maxEvents: number;
  private readonly maxBytes: number;
  private readonly budget: ReplayBudget;
  private kept: Kept[] = [];
  private bytes = 0;
  private seq = 0;
  private dropped = false;

  constructor(stream: number, maxEvents: number, maxBytes: number, budget: ReplayBudget) {
    this.stream = stream;
    this.maxEvents = maxEvents;
    this.maxBytes = maxBytes;
    this.budget = budget;
  }

  /** An id before any event, so that a client can resume a stream that has said nothing yet (2025-11-25). */
  prime(now: number): void {
    this.writer?.write(encodeSse({ id: this.nextId(), data: '' }), now);
  }

  append(json: string, now: number): void {
    if (this.dropped) return;
    const seq = ++this.seq;
    const block = encodeSse({ id: `${this.stream}.${seq}`, data: json });
    this.writer?.write(block, now);
    this.keep({ seq, block });
  }

  /** Ends the stream for good: what was kept can still be replayed. */
  finish(now: number): void {
    this.done = true;
    this.idleSince = now;
    this.writer?.end();
    this.writer = undefined;
  }

  /** Sends what came after `seq` to a new reader; a reader that was still there is let go. */
  resume(writer: SseWriter, seq: number, now: number): void {
    if (this.writer !== writer) this.writer?.end();
    this.writer = writer;
    for (const event of this.kept) if (event.seq > seq) writer.write(event.block, now);
    if (this.done) this.finish(now);
  }

  drop(): void {
    this.dropped = true;
    this.budget.used -= this.bytes;
    this.bytes = 0;
    this.kept = [];
    this.writer?.end();
    this.writer = undefined;
  }

  private nextId(): string {
    this.seq++;
    return `${this.stream}.${this.seq}`;
  }

  private keep(event: Kept): void {
    this.kept.push(event);
    this.bytes += event.block.length;
    this.budget.used += event.block.length;
    while (
      this.kept.length > 0 &&
      (this.kept.length > this.maxEvents ||
        this.bytes > this.maxBytes ||
        this.budget.used > this.budget.max)
    ) {
      const oldest = this.kept.shift();
      if (oldest === undefined) break;
      this.bytes -= oldest.block.length;
      this.budget.used -= oldest.block.length;
    }
  }
}

/** `<stream>.<sequence>` of a `Last-Event-ID`; undefined when it is not one of ours. */
export function readEventId(
  id: string,
): { readonly stream: number; readonly seq: number } | undefined {
  const match = /^(\d{1,9})\.(\d{1,9})$/.exec(id);
  return match ? { stream: Number(match[1]), seq: Number(match[2]) } : undefined;
}
