import type { ServerResponse } from 'node:http';
import { SSE_COMMENT } from '../wire/sse-parser.ts';
import type { HeaderList } from './http-reply.ts';

const STREAM_HEADERS: HeaderList = [
  'content-type',
  'text/event-stream',
  'cache-control',
  'no-cache, no-transform',
  'x-accel-buffering',
  'no',
];

/** One HTTP response that became an event stream. Never waits for its reader: one that falls behind is cut. */
export class SseWriter {
  private readonly res: ServerResponse;
  private readonly maxBuffered: number;
  private readonly onCut: () => void;
  private quietSince: number;
  closed = false;

  constructor(
    res: ServerResponse,
    extra: HeaderList,
    maxBuffered: number,
    now: number,
    onCut: () => void,
  ) {
    this.res = res;
    this.maxBuffered = maxBuffered;
    this.onCut = onCut;
    this.quietSince = now;
    if (res.headersSent || res.destroyed) {
      this.closed = true;
      return;
    }
    res.writeHead(200, [...STREAM_HEADERS, ...extra]);
    res.flushHeaders();
    res.on('close', () => {
      this.closed = true;
    });
  }

  write(block: string, now: number): void {
    if (this.closed) return;
    this.quietSince = now;
    this.res.write(block);
    if (this.res.writableLength <= this.maxBuffered) return;
    this.closed = true;
    this.res.destroy();
    this.onCut();
  }

  tick(now: number, heartbeatMs: number): void {
    if (now - this.quietSince >= heartbeatMs) this.comment(now);
  }

  comment(now: number): void {
    this.write(SSE_COMMENT, now);
  }

  end(): void {
    if (this.closed) return;
    this.closed = true;
    this.res.end();
  }

  destroy(): void {
    this.closed = true;
    this.res.destroy();
  }
}
