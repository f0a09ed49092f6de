import type { InboundRequest, RawJson, Reply } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import { isLogLevel } from '../wire/envelope.ts';
import { encodeError, encodeResult, type Message } from '../wire/message.ts';
import { rawAsString, rawGet } from '../wire/raw-json.ts';
import { isRevision, LEGACY_REVISIONS } from '../wire/revisions.ts';
import { createBatchOutlet } from './batch-outlet.ts';
import { initializeFacts } from './client-facts.ts';
import type { EdgeContext } from './context.ts';
import { Exchange } from './exchange.ts';
import type { Head } from './head.ts';
import { RETRY, sendEmpty, sendJson } from './http-reply.ts';
import type { PostInput } from './modern-post.ts';
import type { Outlet } from './outlet.ts';
import { PostOutlet } from './post-outlet.ts';
import {
  encodeReply,
  faultReply,
  handle,
  OVERLOADED,
  overload,
  register,
  track,
} from './run-request.ts';
import { idKey, type SessionRecord } from './session-record.ts';
import { traceContext } from './trace-context.ts';

const EMPTY: RawJson = '{}' as RawJson;
const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze({});

/** `initialize` over Streamable HTTP: the only legacy request without a session. */
export function legacyInitialize(
  ctx: EdgeContext,
  input: PostInput,
  message: Message & { kind: 'request' },
): void {
  const { res, headers, principal, state, endpoint } = input;
  const facts = initializeFacts(message.params, ctx.digest);
  if (!facts.ok) {
    sendJson(res, 400, encodeError(message.id, CODES.invalidParams, facts.error), headers);
    return;
  }
  const client = facts.value;
  const full = overload(ctx, state);
  if (full !== undefined) {
    sendJson(res, full, encodeError(message.id, CODES.internalError, OVERLOADED[full]), [
      ...headers,
      ...RETRY,
    ]);
    return;
  }
  // The session exists only once the core has answered; a client that left takes nothing with it.
  const outlet: Outlet = {
    canStream: false,
    send() {},
    finish: (json, status) => sendJson(res, status, json, headers),
    abandon: () => sendEmpty(res, 202, headers),
    tick() {},
    destroy: () => void res.destroy(),
  };
  const exchange = new Exchange({
    id: message.id,
    principal,
    state,
    client,
    endpoint,
    transport: 'http',
    session: undefined,
    outlet,
    asks: ctx.asks,
  });
  res.on('close', () => exchange.abort('the client went away'));
  const work = initialize(ctx, exchange).then((reply): Reply => {
    if (reply.kind === 'error' || exchange.cancelled || res.destroyed) return reply;
    const record = ctx.sessions.create(principal, state, client, endpoint);
    if (record === undefined) {
      exchange.done = true;
      sendJson(res, 503, encodeError(message.id, CODES.internalError, 'too many sessions'), [
        ...headers,
        ...RETRY,
      ]);
      return reply;
    }
    exchange.done = true;
    sendJson(res, 200, encodeReply(message.id, reply), [...headers, 'mcp-session-id', record.id]);
    return reply;
  });
  track(ctx, exchange, work);
}

export async function initialize(ctx: EdgeContext, exchange: Exchange): Promise<Reply> {
  const { principal, client, endpoint } = exchange;
  return ctx.deps.core.initialize({ principal, client, endpoint, signal: exchange.signal });
}

/** One message in a legacy session over Streamable HTTP. */
export function legacyPost(
  ctx: EdgeContext,
  input: PostInput,
  record: SessionRecord,
  message: Message,
): void {
  const { res, headers, head } = input;
  const problem = versionProblem(head);
  if (problem !== undefined) {
    const id = message.kind === 'request' ? message.id : null;
    sendJson(res, 400, encodeError(id, CODES.invalidRequest, problem), headers);
    return;
  }
  if (message.kind !== 'request') {
    takeIn(ctx, record, message);
    sendEmpty(res, 202, headers);
    return;
  }
  runLegacy(ctx, input, record, message, postOutlet(ctx, input, record));
}

/** A 2025-03-26 batch. Requests run side by side; each fault answers its own item. */
export function legacyBatch(
  ctx: EdgeContext,
  input: PostInput,
  record: SessionRecord,
  items: ReadonlyArray<
    | { ok: true; value: Message }
    | { ok: false; error: { code: number; problem: string; id: RawJson | undefined } }
  >,
): void {
  const expected = items.filter((item) => !item.ok || item.value.kind === 'request').length;
  if (expected === 0) sendEmpty(input.res, 202, input.headers);
  const outletOf = createBatchOutlet(postOutlet(ctx, input, record), expected);
  for (const item of items) {
    if (!item.ok) {
      const { id, code, problem } = item.error;
      outletOf().finish(encodeError(id ?? null, code, problem), 200);
    } else if (item.value.kind !== 'request') takeIn(ctx, record, item.value);
    else if (item.value.method === 'initialize') {
      outletOf().finish(
        encodeError(item.value.id, CODES.invalidRequest, 'initialize must not be in a batch'),
        200,
      );
    } else runLegacy(ctx, input, record, item.value, outletOf());
  }
}

function postOutlet(ctx: EdgeContext, input: PostInput, record: SessionRecord): Outlet {
  const { res, accept, headers } = input;
  return new PostOutlet({
    clock: ctx.clock,
    limits: ctx.limits,
    budget: ctx.budget,
    res,
    accept,
    headers,
    record,
  });
}

export function runLegacy(
  ctx: EdgeContext,
  input: Pick<PostInput, 'head' | 'principal' | 'state'> & { readonly transport?: 'sse' },
  record: SessionRecord,
  message: Message & { kind: 'request' },
  outlet: Outlet,
): void {
  const { id, method, params } = message;
  if (method === 'ping') {
    outlet.finish(encodeResult(id, EMPTY), 200);
    return;
  }
  if (method === 'initialize') {
    outlet.finish(encodeError(id, CODES.invalidRequest, 'the session is already initialized'), 200);
    return;
  }
  const full = overload(ctx, input.state);
  if (full !== undefined) {
    outlet.finish(encodeError(id, CODES.internalError, OVERLOADED[full]), full);
    return;
  }
  const exchange = new Exchange({
    id,
    principal: input.principal,
    state: input.state,
    client: record.client,
    endpoint: record.endpoint,
    transport: input.transport ?? 'http',
    session: record,
    outlet,
    asks: ctx.asks,
  });
  if (!register(exchange)) {
    outlet.finish(
      encodeError(id, CODES.invalidRequest, 'a request with this id is still open'),
      400,
    );
    return;
  }
  const trace = traceContext(params, input.head);
  const request: InboundRequest = {
    id,
    method,
    params,
    paramHeaders: NO_PARAMS,
    traceparent: trace.traceparent,
    tracestate: trace.tracestate,
    downstream: exchange,
  };
  const work = handle(ctx, request);
  track(ctx, exchange, method === 'logging/setLevel' ? keepLevel(work, record, params) : work);
}

/** Notifications and answers of a legacy client. Never fails: what we can't use is dropped. */
export function takeIn(
  ctx: EdgeContext,
  record: SessionRecord,
  message: Exclude<Message, { kind: 'request' }>,
): void {
  if (message.kind === 'response') {
    ctx.asks.answer(record, message);
    return;
  }
  const { method, params } = message;
  if (method === 'notifications/initialized') return;
  if (method === 'notifications/cancelled') {
    const raw = params === undefined ? undefined : rawGet(params, 'requestId');
    const exchange = raw === undefined ? undefined : record.calls?.get(idKey(raw));
    if (exchange === undefined) return;
    exchange.abort('the client cancelled');
    exchange.done = true;
    exchange.outlet.abandon();
    return;
  }
  try {
    ctx.deps.core.notification(record, method, params);
  } catch (fault) {
    faultReply(ctx, fault);
  }
}

async function keepLevel(
  work: Promise<Reply>,
  record: SessionRecord,
  params: RawJson | undefined,
): Promise<Reply> {
  const reply = await work;
  const raw = params === undefined ? undefined : rawGet(params, 'level');
  const level = raw === undefined ? undefined : rawAsString(raw);
  if (reply.kind === 'result' && isLogLevel(level)) record.logLevel = level;
  return reply;
}

/** Absent is fine (2025-03-26); present it must be a revision that has sessions. */
function versionProblem(head: Head): string | undefined {
  if (head.version === undefined) return undefined;
  const known = isRevision(head.version) && LEGACY_REVISIONS.includes(head.version);
  return known
    ? undefined
    : `unsupported protocol version; supported: ${LEGACY_REVISIONS.join(', ')}`;
}
