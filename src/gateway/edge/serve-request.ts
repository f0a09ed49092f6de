import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../../identity/index.ts';
import { CODES } from '../wire/codes.ts';
import { encodeError, parseMessage } from '../wire/message.ts';
import { namesModern } from '../wire/revisions.ts';
import { admit } from './admission.ts';
import { type BodyRefusal, meterBody } from './body-budget.ts';
import type { EdgeContext } from './context.ts';
import { corsHeaders, preflight } from './cors.ts';
import { acceptOf, type Head, isJsonType, readHead } from './head.ts';
import { type HeaderList, RETRY, sendEmpty, sendJson, sendText } from './http-reply.ts';
import { mcpPost } from './mcp-post.ts';
import { findOldSse, openOldSse, takeOldMessage } from './old-sse.ts';
import type { PrincipalState } from './principal-book.ts';
import { readBody } from './read-body.ts';
import { type Route, routeOf } from './route.ts';
import { faultReply } from './run-request.ts';
import { sessionStream } from './session-stream.ts';

type McpRoute = Extract<Route, { kind: 'mcp' | 'sse' | 'messages' }>;

interface Call {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly head: Head;
  readonly headers: HeaderList;
  readonly route: McpRoute;
}

const METHODS: Readonly<Record<McpRoute['kind'], readonly string[]>> = {
  mcp: ['POST', 'GET', 'DELETE'],
  sse: ['GET'],
  messages: ['POST'],
};
const CLOSE: HeaderList = ['connection', 'close'];
const NO_ROOM: Readonly<Record<BodyRefusal, string>> = {
  429: 'too many bytes of this caller are arriving',
  503: 'too many bytes are arriving at the gateway',
};

/** Entry of every HTTP request; the order of the checks is the order of gateway rules: reach, shape, caller, content. */
export function serveRequest(ctx: EdgeContext, req: IncomingMessage, res: ServerResponse): void {
  const url = req.url ?? '/';
  const route = routeOf(url);
  if (route.kind === 'livez') {
    sendText(res, 200, 'text/plain', 'ok');
    return;
  }
  if (route.kind === 'readyz') {
    readyz(ctx, res);
    return;
  }
  const head = readHead(req.rawHeaders);
  if (!ctx.allow.host(head.host) || !ctx.allow.origin(head.origin)) {
    problem(res, 403, null, 'this Host or Origin is not allowed', CLOSE);
    return;
  }
  const headers = corsHeaders(head.origin);
  if (head.repeated !== undefined) {
    const code = head.repeated.startsWith('mcp-') ? CODES.headerMismatch : CODES.invalidRequest;
    problem(res, 400, code, `the ${head.repeated} header appears more than once`, [
      ...headers,
      ...CLOSE,
    ]);
    return;
  }
  if (ctx.closing) {
    problem(res, 503, null, 'shutting down', [...headers, ...RETRY, ...CLOSE]);
    return;
  }
  if (route.kind === 'other') {
    other(ctx, req, res, head, headers);
    return;
  }
  const method = req.method ?? '';
  if (method === 'OPTIONS' && head.origin !== undefined) {
    preflight(req, res, headers);
    return;
  }
  if (!METHODS[route.kind].includes(method)) {
    problem(res, 405, null, 'method not allowed', [
      ...headers,
      'allow',
      METHODS[route.kind].join(', '),
      ...CLOSE,
    ]);
    return;
  }
  if (/[?&]access_token=/.test(url)) {
    problem(res, 400, CODES.invalidRequest, 'a token must not be in the URL', [
      ...headers,
      ...CLOSE,
    ]);
    return;
  }
  const call: Call = { req, res, head, headers, route };
  const refusal = method === 'POST' ? badPost(ctx, call) : badGet(call, method);
  if (refusal) return;
  admit(
    ctx,
    { method, path: resourcePath(route), head, endpoint: route.endpoint },
    res,
    headers,
    (principal) => {
      const { endpoint } = route;
      if (endpoint.kind === 'server' && !ctx.deps.servers().includes(endpoint.server)) {
        return problem(res, 404, CODES.invalidRequest, 'no such server', [...headers, ...CLOSE]);
      }
      const state = ctx.book.of(principal);
      if (method === 'POST') receive(ctx, call, principal, state);
      else if (method === 'GET') stream(ctx, call, principal, state);
      else end(ctx, call, principal, state);
    },
  );
}

/** The URL tokens are issued for; /messages belongs to the endpoint of its stream. */
function resourcePath(route: McpRoute): string {
  const base = route.kind === 'mcp' ? '/mcp' : '/sse';
  return route.endpoint.kind === 'server' ? `${base}/${route.endpoint.server}` : base;
}

function badPost(ctx: EdgeContext, { res, head, headers }: Call): boolean {
  if (Number(head.contentLength ?? 0) > ctx.limits.maxBodyBytes) {
    problem(res, 413, CODES.invalidRequest, 'the body is too large', [...headers, ...CLOSE]);
  } else if (!isJsonType(head.contentType)) {
    problem(res, 415, CODES.invalidRequest, 'Content-Type must be application/json', [
      ...headers,
      ...CLOSE,
    ]);
  } else if (
    head.contentEncoding !== undefined &&
    head.contentEncoding.toLowerCase() !== 'identity'
  ) {
    problem(res, 415, CODES.invalidRequest, 'compressed bodies are not accepted', [
      ...headers,
      ...CLOSE,
    ]);
  } else return false;
  return true;
}

function badGet({ res, head, headers }: Call, method: string): boolean {
  if (namesModern(head.version) && head.sessionId === undefined) {
    // 2026-07-28 has neither GET nor DELETE.
    problem(res, 405, null, 'method not allowed', [...headers, 'allow', 'POST']);
  } else if (method === 'GET' && !acceptOf(head.accept).stream) {
    problem(res, 406, CODES.invalidRequest, 'Accept must list text/event-stream', headers);
  } else return false;
  return true;
}

function receive(ctx: EdgeContext, call: Call, principal: Principal, state: PrincipalState): void {
  const { req, res, head, headers, route } = call;
  const accept = acceptOf(head.accept);
  if (route.kind === 'mcp' && !accept.json && !accept.stream) {
    problem(
      res,
      406,
      CODES.invalidRequest,
      'Accept must list application/json and text/event-stream',
      headers,
    );
    return;
  }
  const { maxBodyBytes, maxArrivingBytesPerPrincipal } = ctx.limits;
  const meter = meterBody(ctx.bodies, state, maxArrivingBytesPerPrincipal);
  const announced = head.contentLength === undefined ? undefined : Number(head.contentLength);
  readBody(req, maxBodyBytes, meter, announced, (body) => {
    if (body.kind === 'too_large') {
      problem(res, 413, CODES.invalidRequest, 'the body is too large', [...headers, ...CLOSE]);
    } else if (body.kind === 'no_room') {
      problem(res, body.status, null, NO_ROOM[body.status], [...headers, ...RETRY, ...CLOSE]);
    } else if (body.kind === 'not_utf8') {
      problem(res, 400, CODES.parseError, 'the body is not valid UTF-8', headers);
    } else if (route.kind === 'messages') oldMessage(ctx, call, principal, state, body.text);
    else
      guarded(ctx, res, () => {
        mcpPost(
          ctx,
          { res, head, endpoint: route.endpoint, principal, state, accept, headers },
          body.text,
        );
      });
  });
}

function oldMessage(
  ctx: EdgeContext,
  call: Call,
  principal: Principal,
  state: PrincipalState,
  text: string,
): void {
  const { req, res, head, headers, route } = call;
  const connection = findOldSse(ctx, req.url ?? '', state, route.endpoint);
  if (connection === undefined) {
    problem(res, 404, CODES.invalidRequest, 'the session is unknown', headers);
    return;
  }
  const parsed = parseMessage(text, {
    maxDepth: ctx.limits.maxDepth,
    maxValues: ctx.limits.maxValues,
    maxLength: ctx.limits.maxBodyBytes,
  });
  if (!parsed.ok) {
    problem(res, 400, parsed.error.code, parsed.error.problem, headers);
    return;
  }
  sendText(res, 202, 'text/plain', 'Accepted', headers);
  guarded(ctx, res, () => takeOldMessage(ctx, connection, principal, head, parsed.value));
}

function stream(ctx: EdgeContext, call: Call, principal: Principal, state: PrincipalState): void {
  const { res, head, headers, route } = call;
  if (state.streams >= ctx.limits.maxStreamsPerPrincipal) {
    problem(res, 429, null, 'too many streams of this caller are open', [...headers, ...RETRY]);
    return;
  }
  if (route.kind === 'sse') {
    openOldSse(ctx, res, headers, principal, state, route.endpoint);
    return;
  }
  const record = sessionOf(ctx, call, principal, state);
  if (record !== undefined && !sessionStream(ctx, record, res, headers, head.lastEventId)) {
    problem(res, 400, CODES.invalidRequest, 'the stream of this Last-Event-ID is gone', headers);
  }
}

function end(ctx: EdgeContext, call: Call, principal: Principal, state: PrincipalState): void {
  const record = sessionOf(ctx, call, principal, state);
  if (record === undefined) return;
  ctx.sessions.end(record, true);
  sendEmpty(call.res, 204, call.headers);
}

function sessionOf(ctx: EdgeContext, call: Call, principal: Principal, state: PrincipalState) {
  const { res, head, headers, route } = call;
  const record =
    head.sessionId === undefined
      ? undefined
      : ctx.sessions.find(head.sessionId, principal, state, route.endpoint);
  if (head.sessionId === undefined)
    problem(res, 400, CODES.invalidRequest, 'the Mcp-Session-Id header is missing', headers);
  else if (record === undefined)
    problem(res, 404, CODES.invalidRequest, 'the session is unknown', headers);
  return record;
}

function readyz(ctx: EdgeContext, res: ServerResponse): void {
  const ready = !ctx.closing && (ctx.deps.ready?.() ?? true);
  sendText(res, ready ? 200 : 503, 'text/plain', ready ? 'ready' : 'not ready');
}

function other(
  ctx: EdgeContext,
  req: IncomingMessage,
  res: ServerResponse,
  head: Head,
  headers: HeaderList,
): void {
  if (Number(head.contentLength ?? 0) > ctx.limits.maxFormBytes) {
    problem(res, 413, null, 'the body is too large', [...headers, ...CLOSE]);
    return;
  }
  // A stranger's announcement is worth nothing: only what arrived is counted.
  readBody(req, ctx.limits.maxFormBytes, meterBody(ctx.forms), undefined, (body) => {
    if (body.kind === 'no_room')
      return problem(res, body.status, null, NO_ROOM[body.status], [...RETRY, ...CLOSE]);
    if (body.kind !== 'text')
      return problem(res, body.kind === 'too_large' ? 413 : 400, null, 'bad body', CLOSE);
    const flat: Record<string, string> = Object.create(null);
    for (const [name, value] of Object.entries(req.headers)) {
      if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
    }
    const remote = req.socket.remoteAddress ?? '';
    ctx.deps
      .wellKnown({
        method: req.method ?? '',
        path: req.url ?? '/',
        headers: flat,
        body: body.text,
        remote,
      })
      .then((answer) => {
        if (answer === undefined) return sendJson(res, 404, '{"error":"not_found"}', headers);
        if (res.headersSent || res.destroyed) return;
        const size = String(Buffer.byteLength(answer.body));
        const named = Object.keys(answer.headers).some(
          (name) => name.toLowerCase() === 'access-control-allow-origin',
        );
        res.writeHead(answer.status, [
          ...Object.entries(answer.headers).flat(),
          'content-length',
          size,
          ...(named ? [] : headers),
        ]);
        res.end(req.method === 'HEAD' ? undefined : answer.body);
      })
      .catch((fault: unknown) => {
        faultReply(ctx, fault);
        sendJson(res, 500, '{"error":"server_error"}', headers);
      });
  });
}

/** A fault of our own while a body is handled must not take the process down. */
function guarded(ctx: EdgeContext, res: ServerResponse, work: () => void): void {
  try {
    work();
  } catch (fault) {
    faultReply(ctx, fault);
    problem(res, 500, CODES.internalError, 'internal error', []);
  }
}

function problem(
  res: ServerResponse,
  status: number,
  code: number | null,
  text: string,
  headers: HeaderList,
): void {
  sendJson(res, status, encodeError(null, code ?? CODES.invalidRequest, text), headers);
}
