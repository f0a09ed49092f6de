import type { ServerResponse } from 'node:http';
import type { Principal } from '../../identity/index.ts';
import type { Endpoint, Reply } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import { encodeError, encodeNotification, type Message } from '../wire/message.ts';
import { encodeSse } from '../wire/sse-parser.ts';
import { initializeFacts } from './client-facts.ts';
import type { EdgeContext } from './context.ts';
import { Exchange } from './exchange.ts';
import type { Head } from './head.ts';
import type { HeaderList } from './http-reply.ts';
import { initialize, runLegacy, takeIn } from './legacy-post.ts';
import type { Outlet } from './outlet.ts';
import type { PrincipalState } from './principal-book.ts';
import { sameEndpoint } from './route.ts';
import { OVERLOADED, overload, track } from './run-request.ts';
import type { SessionRecord } from './session-record.ts';
import { openStream } from './session-stream.ts';
import type { SseWriter } from './sse-writer.ts';

interface OldConnection {
  readonly state: PrincipalState;
  readonly endpoint: Endpoint;
  readonly writer: SseWriter;
  session: SessionRecord | undefined;
  initializing: boolean;
}

/** Open HTTP+SSE connections (2024-11-05) by their sealed id. They live and die with their stream. */
export type OldSseRegistry = Map<string, OldConnection>;

/** GET /sse: the stream that begins with the `endpoint` event. */
export function openOldSse(
  ctx: EdgeContext,
  res: ServerResponse,
  headers: HeaderList,
  principal: Principal,
  state: PrincipalState,
  endpoint: Endpoint,
): void {
  const id = ctx.deps.sealer.seal(
    'sse',
    { i: ctx.deps.ids.next('session') },
    ctx.limits.sessionTtlMs,
  );
  const writer = openStream(ctx, principal, state, res, headers, () => {
    ctx.oldSse.delete(id);
    if (connection.session !== undefined) ctx.sessions.end(connection.session, true);
  });
  const connection: OldConnection = {
    state,
    endpoint,
    writer,
    session: undefined,
    initializing: false,
  };
  ctx.oldSse.set(id, connection);
  const base = new URL(ctx.deps.publicUrl).pathname.replace(/\/$/, '');
  const suffix = endpoint.kind === 'server' ? `/${endpoint.server}` : '';
  const data = `${base}/messages${suffix}?sessionId=${id}`;
  writer.write(encodeSse({ event: 'endpoint', data }), ctx.clock.monotonic());
}

/** The connection a POST to /messages belongs to; another caller's is as good as none. */
export function findOldSse(
  ctx: EdgeContext,
  url: string,
  state: PrincipalState,
  endpoint: Endpoint,
): OldConnection | undefined {
  const id = /[?&]sessionId=([A-Za-z0-9_.-]{1,4096})(?:&|$)/.exec(url)?.[1];
  const connection = id === undefined ? undefined : ctx.oldSse.get(id);
  if (connection === undefined) return undefined;
  return connection.state.key === state.key && sameEndpoint(connection.endpoint, endpoint)
    ? connection
    : undefined;
}

/** One message of an HTTP+SSE client. The POST was answered 202; whatever there is to say goes on the stream. */
export function takeOldMessage(
  ctx: EdgeContext,
  connection: OldConnection,
  principal: Principal,
  head: Head,
  message: Message,
): void {
  const { session, state } = connection;
  const outlet = streamOutlet(ctx, connection);
  if (session !== undefined) {
    session.principal = principal;
    session.lastSeen = ctx.clock.monotonic();
    if (message.kind !== 'request') takeIn(ctx, session, message);
    else runLegacy(ctx, { head, principal, state, transport: 'sse' }, session, message, outlet);
    return;
  }
  if (message.kind !== 'request') return;
  if (message.method !== 'initialize' || connection.initializing) {
    outlet.finish(
      encodeError(message.id, CODES.invalidRequest, 'the first request must be initialize'),
      200,
    );
    return;
  }
  begin(ctx, connection, principal, message, outlet);
}

function begin(
  ctx: EdgeContext,
  connection: OldConnection,
  principal: Principal,
  message: Message & { kind: 'request' },
  outlet: Outlet,
): void {
  const { state, endpoint } = connection;
  const facts = initializeFacts(message.params, ctx.digest);
  if (!facts.ok) {
    outlet.finish(encodeError(message.id, CODES.invalidParams, facts.error), 200);
    return;
  }
  const full = overload(ctx, state);
  if (full !== undefined) {
    outlet.finish(encodeError(message.id, CODES.internalError, OVERLOADED[full]), full);
    return;
  }
  connection.initializing = true;
  const client = facts.value;
  const exchange = new Exchange({
    id: message.id,
    principal,
    state,
    client,
    endpoint,
    transport: 'sse',
    session: undefined,
    outlet,
    asks: ctx.asks,
  });
  const work = initialize(ctx, exchange).then((reply): Reply => {
    connection.initializing = false;
    if (reply.kind === 'error' || connection.writer.closed) return reply;
    const record = ctx.sessions.create(principal, state, client, endpoint);
    if (record === undefined) {
      return {
        kind: 'error',
        status: 503,
        code: CODES.internalError,
        message: 'too many sessions',
      };
    }
    connection.session = record;
    record.pinned = true;
    record.detach = ctx.deps.core.attach(record, (method, params) => {
      connection.writer.write(
        encodeSse({ event: 'message', data: encodeNotification(method, params) }),
        ctx.clock.monotonic(),
      );
    });
    return reply;
  });
  track(ctx, exchange, work);
}

function streamOutlet(ctx: EdgeContext, connection: OldConnection): Outlet {
  const send = (json: string): void =>
    connection.writer.write(encodeSse({ event: 'message', data: json }), ctx.clock.monotonic());
  return {
    canStream: true,
    send,
    finish: send,
    abandon() {},
    tick() {},
    destroy: () => connection.writer.destroy(),
  };
}
