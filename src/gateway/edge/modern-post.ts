import type { ServerResponse } from 'node:http';
import type { Principal } from '../../identity/index.ts';
import type { Endpoint, RawJson } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import { type EnvelopeReading, stripEnvelope } from '../wire/envelope.ts';
import { encodeError, type Message } from '../wire/message.ts';
import { rawOf } from '../wire/raw-json.ts';
import { isRevision, MODERN_REVISIONS } from '../wire/revisions.ts';
import { modernFacts } from './client-facts.ts';
import type { EdgeContext } from './context.ts';
import { Exchange } from './exchange.ts';
import type { Head } from './head.ts';
import { type HeaderList, RETRY, sendEmpty, sendJson } from './http-reply.ts';
import { checkModernHeaders } from './modern-headers.ts';
import { PostOutlet } from './post-outlet.ts';
import type { PrincipalState } from './principal-book.ts';
import { handle, OVERLOADED, overload, track } from './run-request.ts';
import { traceContext } from './trace-context.ts';

const REMOVED: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
]);

export interface PostInput {
  readonly res: ServerResponse;
  readonly head: Head;
  readonly endpoint: Endpoint;
  readonly principal: Principal;
  readonly state: PrincipalState;
  readonly accept: { readonly json: boolean; readonly stream: boolean };
  readonly headers: HeaderList;
}

/** One POST of the 2026-07-28 era: stateless, headers equal to the body, the connection is the call. */
export function modernPost(
  ctx: EdgeContext,
  input: PostInput,
  message: Message,
  reading: EnvelopeReading,
): void {
  const { res, head, headers, state } = input;
  if (message.kind === 'response') {
    sendJson(
      res,
      400,
      encodeError(null, CODES.invalidRequest, 'responses are not accepted in this era'),
      headers,
    );
    return;
  }
  const { method, params } = message;
  const id = message.kind === 'request' ? message.id : null;
  const refuse = (
    status: number,
    code: number,
    problem: string,
    data?: RawJson,
    extra: HeaderList = [],
  ): void => sendJson(res, status, encodeError(id, code, problem, data), [...headers, ...extra]);

  const version =
    reading.kind === 'envelope' ? reading.envelope.protocolVersion : versionOf(reading);
  const checked = checkModernHeaders(head, version, method, params, message.kind);
  if (!checked.ok) {
    refuse(400, CODES.headerMismatch, checked.error);
    return;
  }
  if (reading.kind === 'malformed') {
    refuse(400, CODES.invalidParams, reading.problem);
    return;
  }
  const asked = version ?? head.version ?? '';
  if (!isRevision(asked) || !MODERN_REVISIONS.includes(asked)) {
    const data = rawOf({ supported: MODERN_REVISIONS, requested: asked });
    refuse(400, CODES.unsupportedVersion, 'unsupported protocol version', data);
    return;
  }
  if (message.kind === 'notification') {
    sendEmpty(res, 202, headers);
    return;
  }
  if (reading.kind !== 'envelope') {
    refuse(400, CODES.invalidParams, 'the envelope is missing');
    return;
  }
  if (REMOVED.has(method)) {
    refuse(404, CODES.methodNotFound, 'method not found');
    return;
  }

  const isListen = method === 'subscriptions/listen';
  if (isListen && !input.accept.stream) {
    refuse(406, CODES.invalidRequest, 'a subscription needs Accept: text/event-stream');
    return;
  }
  const full =
    isListen && state.streams >= ctx.limits.maxStreamsPerPrincipal ? 429 : overload(ctx, state);
  if (full !== undefined) {
    refuse(full, CODES.internalError, OVERLOADED[full], undefined, RETRY);
    return;
  }

  const outlet = new PostOutlet({
    clock: ctx.clock,
    limits: ctx.limits,
    budget: ctx.budget,
    res,
    accept: input.accept,
    headers,
    record: undefined,
  });
  const exchange = new Exchange({
    id: message.id,
    principal: input.principal,
    state,
    client: modernFacts(reading.envelope, asked, ctx.digest),
    endpoint: input.endpoint,
    transport: 'http',
    session: undefined,
    outlet,
    asks: ctx.asks,
    listen: isListen,
  });
  // The stream is the call: a client that closes it has cancelled.
  res.on('close', () => exchange.abort('the client closed the stream'));
  const trace = traceContext(params, head);
  const work = handle(ctx, {
    id: message.id,
    method,
    params: stripEnvelope(params),
    paramHeaders: checked.value,
    traceparent: trace.traceparent,
    tracestate: trace.tracestate,
    downstream: exchange,
  });
  track(ctx, exchange, work, isListen ? 'listen' : 'call');
}

function versionOf(reading: EnvelopeReading): string | undefined {
  return reading.kind === 'malformed' ? reading.version : undefined;
}
