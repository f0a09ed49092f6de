import type { ServerResponse } from 'node:http';
import type { Clock } from '../../kernel/index.ts';
import { atLeast } from '../wire/revisions.ts';
import { encodeSse } from '../wire/sse-parser.ts';
import { type HeaderList, RETRY, sendEmpty, sendJson } from './http-reply.ts';
import type { EdgeLimits } from './limits.ts';
import type { Outlet } from './outlet.ts';
import type { ReplayBudget, ReplayLog } from './replay-log.ts';
import type { SessionRecord } from './session-record.ts';
import { SseWriter } from './sse-writer.ts';

export interface PostOutletOptions {
  readonly clock: Clock;
  readonly limits: EdgeLimits;
  readonly budget: ReplayBudget;
  readonly res: ServerResponse;
  readonly accept: { readonly json: boolean; readonly stream: boolean };
  readonly headers: HeaderList;
  /** Legacy: what is sent on a stream can be resumed. */
  readonly record: SessionRecord | undefined;
}

/**
 * Answer to one POST: plain JSON in a single write as long as only a result comes, an event stream from the first other
 * message on. In a legacy session the stream outlives its connection and can be resumed.
 */
export class PostOutlet implements Outlet {
  private readonly options: PostOutletOptions;
  private readonly startedAt: number;
  private writer: SseWriter | undefined;
  private log: ReplayLog | undefined;
  private finished = false;

  constructor(options: PostOutletOptions) {
    this.options = options;
    this.startedAt = options.clock.monotonic();
  }

  get canStream(): boolean {
    // A connection lost before the stream began left the client no event id to resume with.
    return this.options.accept.stream && (this.log !== undefined || !this.options.res.destroyed);
  }

  send(json: string): void {
    if (this.finished || !this.canStream) return;
    const now = this.options.clock.monotonic();
    this.open(now);
    if (this.log !== undefined) this.log.append(json, now);
    else this.writer?.write(encodeSse({ data: json }), now);
  }

  finish(json: string, status: number): void {
    if (this.finished) return;
    const { accept, res, headers } = this.options;
    if (this.writer === undefined && (accept.json || status !== 200)) {
      this.finished = true;
      sendJson(
        res,
        status,
        json,
        status === 429 || status === 503 ? [...headers, ...RETRY] : headers,
      );
      return;
    }
    this.send(json);
    this.close();
  }

  abandon(): void {
    if (this.finished) return;
    if (this.writer === undefined) {
      this.finished = true;
      sendEmpty(this.options.res, 202, this.options.headers);
    } else this.close();
  }

  tick(now: number): void {
    const { accept, limits } = this.options;
    if (this.finished) return;
    const writer = this.log?.writer ?? this.writer;
    if (writer !== undefined) writer.tick(now, limits.heartbeatMs);
    else if (accept.stream && now - this.startedAt >= limits.heartbeatMs) {
      // Proxies cut quiet connections: a long call turns into a stream that shows life.
      this.open(now);
      this.writer?.comment(now);
    }
  }

  destroy(): void {
    this.finished = true;
    this.log?.drop();
    if (this.writer !== undefined) this.writer.destroy();
    else this.options.res.destroy();
  }

  private open(now: number): void {
    if (this.writer !== undefined) return;
    const { res, headers, limits, record, budget } = this.options;
    const writer = new SseWriter(res, headers, limits.maxBufferedBytes, now, () =>
      this.lost(writer),
    );
    this.writer = writer;
    if (record === undefined || record.ended) return;
    const log = record.openLog(limits, budget);
    this.log = log;
    log.writer = writer;
    res.on('close', () => this.lost(writer));
    if (atLeast(record.client.revision, '2025-11-25')) log.prime(now);
  }

  private lost(writer: SseWriter): void {
    if (this.log?.writer !== writer) return;
    this.log.writer = undefined;
    this.log.idleSince = this.options.clock.monotonic();
  }

  private close(): void {
    this.finished = true;
    if (this.log !== undefined) this.log.finish(this.options.clock.monotonic());
    else this.writer?.end();
  }
}
