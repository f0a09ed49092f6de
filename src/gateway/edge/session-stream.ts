import type { ServerResponse } from 'node:http';
import type { Principal } from '../../identity/index.ts';
import { encodeNotification } from '../wire/message.ts';
import { atLeast } from '../wire/revisions.ts';
import type { EdgeContext } from './context.ts';
import type { HeaderList } from './http-reply.ts';
import type { Open, PrincipalState } from './principal-book.ts';
import { type ReplayLog, readEventId } from './replay-log.ts';
import type { SessionRecord } from './session-record.ts';
import { SseWriter } from './sse-writer.ts';

/** Counts a stream, lets heartbeat and revocation reach it, and forgets it when the connection closes. */
export function openStream(
  ctx: EdgeContext,
  principal: Principal,
  state: PrincipalState,
  res: ServerResponse,
  headers: HeaderList,
  onClose: (writer: SseWriter) => void,
): SseWriter {
  let over = false;
  const closed = (): void => {
    if (over) return;
    over = true;
    state.streams--;
    state.open.delete(entry);
    onClose(writer);
  };
  const writer = new SseWriter(
    res,
    headers,
    ctx.limits.maxBufferedBytes,
    ctx.clock.monotonic(),
    closed,
  );
  const entry: Open = {
    seat: -1,
    tick(now, wall) {
      // The client comes back with a fresh token, or not at all.
      if (wall >= principal.credential.expiresAt) writer.end();
      else writer.tick(now, ctx.limits.heartbeatMs);
    },
    cut: () => writer.destroy(),
  };
  state.streams++;
  state.open.add(entry);
  res.on('close', closed);
  return writer;
}

/**
 * The GET of a legacy session: the stream for messages outside any request, or, with `Last-Event-ID`, the rest of a
 * stream that broke. A newer GET takes the place of an older one, so each message goes to one connection.
 * False, with nothing written, when the stream to resume is gone.
 */
export function sessionStream(
  ctx: EdgeContext,
  record: SessionRecord,
  res: ServerResponse,
  headers: HeaderList,
  lastEventId: string | undefined,
): boolean {
  const position = lastEventId === undefined ? undefined : readEventId(lastEventId);
  let log: ReplayLog | undefined =
    position === undefined ? undefined : record.logs?.get(position.stream);
  const resuming = log !== undefined;
  if (position !== undefined && position.stream !== 0 && !resuming) return false;
  log ??= record.logs?.get(0) ?? record.openLog(ctx.limits, ctx.budget, true);
  const target = log;
  const writer = openStream(ctx, record.principal, record.state, res, headers, (closed) => {
    record.lastSeen = ctx.clock.monotonic();
    if (target.writer !== closed) return;
    target.writer = undefined;
    target.idleSince = ctx.clock.monotonic();
  });
  const now = ctx.clock.monotonic();
  const fresh = !resuming;
  target.resume(
    writer,
    position !== undefined && resuming ? position.seq : Number.MAX_SAFE_INTEGER,
    now,
  );
  if (target.stream !== 0) return true;
  if (fresh && atLeast(record.client.revision, '2025-11-25')) target.prime(now);
  record.detach ??= ctx.deps.core.attach(record, (method, params) => {
    target.append(encodeNotification(method, params), ctx.clock.monotonic());
  });
  return true;
}
