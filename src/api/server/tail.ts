import { readAudit, type StoredRecord } from '../../audit/index.ts';
import { AppError } from '../../kernel/index.ts';
import type { AdminApiDeps } from './deps.ts';

const MAX_TAILS = 32;
const HEARTBEAT_MS = 15_000;

export interface TailQuery {
  readonly last?: number | undefined;
  readonly type?: string | undefined;
  readonly agent?: string | undefined;
  readonly server?: string | undefined;
  readonly effect?: string | undefined;
}

export interface Tails {
  /** Server-sent events of the records after `lastEventId`, else after the last `query.last`, else new ones only. */
  open(query: TailQuery, lastEventId: number | undefined): Response;
  close(): void;
}

export function createTails({ audit, clock, logger }: AdminApiDeps): Tails {
  const open = new Set<AbortController>();
  const matches = (record: StoredRecord, query: TailQuery): boolean =>
    (query.type === undefined || record.type === query.type) &&
    (query.agent === undefined || record.actor.agent === query.agent) &&
    (query.server === undefined || record.server === query.server) &&
    (query.effect === undefined || record.effect === query.effect);

  return {
    open(query, lastEventId) {
      if (open.size >= MAX_TAILS)
        throw new AppError('API_BUSY', { params: { what: 'audit streams are open' } });
      const controller = new AbortController();
      const { signal } = controller;
      open.add(controller);
      const start =
        lastEventId !== undefined
          ? { fromSeq: lastEventId + 1 }
          : query.last !== undefined && query.last > 0
            ? { last: query.last }
            : { fromSeq: audit.head().seq + 1 };
      const records = readAudit(audit.dir, { ...start, follow: true, signal });
      const encoder = new TextEncoder();
      const end = (): void => {
        open.delete(controller);
        controller.abort();
      };
      let beat = clock.setTimeout(() => {}, 0);
      const body = new ReadableStream<Uint8Array>({
        start(stream) {
          // A first byte, so that the caller knows it is connected.
          stream.enqueue(encoder.encode(': audit\n\n'));
          const tick = (): void => {
            if (signal.aborted) return;
            if ((stream.desiredSize ?? 1) > 0) stream.enqueue(encoder.encode(':\n\n'));
            beat = clock.setTimeout(tick, HEARTBEAT_MS);
          };
          beat = clock.setTimeout(tick, HEARTBEAT_MS);
        },
        async pull(stream) {
          try {
            for (;;) {
              const next = await records.next();
              if (next.done === true) {
                stream.close();
                end();
                return;
              }
              if (!matches(next.value, query)) continue;
              const { seq } = next.value;
              stream.enqueue(encoder.encode(`id: ${seq}\ndata: ${JSON.stringify(next.value)}\n\n`));
              return;
            }
          } catch (error) {
            if (!signal.aborted) logger.error({ err: error }, 'an audit stream failed');
            end();
            stream.error(error);
          }
        },
        cancel() {
          beat.cancel();
          end();
        },
      });
      return new Response(body, {
        headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
      });
    },
    close() {
      for (const controller of open) controller.abort();
    },
  };
}
