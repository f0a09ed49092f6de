import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Json = Record<string, unknown>;
export type Era = 'legacy' | 'modern';

/** One message as it arrived. */
export interface Received {
  readonly method: string;
  readonly params: Json;
  readonly headers: IncomingMessage['headers'];
  /** Legacy: the session it came in. */
  readonly session: string | undefined;
  /** The gateway's span, from `_meta.traceparent`. */
  readonly span: string | undefined;
}

/** A tools/call that a behaviour answers. */
export interface ToolCall extends Received {
  readonly id: unknown;
  readonly args: Json;
  readonly era: Era;
  /** Modern retries: the answers of this round, and the state as the gateway sent it back. */
  readonly responses: Record<string, Json> | undefined;
  readonly state: string | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Aborts when the caller goes away (modern) or cancels by notification (legacy). */
  readonly cancelled: AbortSignal;
  reply(result: Json): void;
  text(text: string): void;
  fail(code: number, message: string): void;
  /** A message before the reply; makes the answer a stream. */
  send(message: Json): void;
  /** Legacy: asks the client and waits for its answer. */
  ask(method: string, params: Json): Promise<Json>;
}

export type Tool = (call: ToolCall) => void | Promise<void>;

export interface ScriptedOptions {
  readonly era: Era;
  readonly tools?: Readonly<Record<string, Tool>>;
  /** More members of a tool's definition, by name. */
  readonly definitions?: Readonly<Record<string, Json>>;
  readonly resources?: readonly string[];
  readonly prompts?: readonly string[];
  readonly revision?: string;
  /** Any other method. */
  readonly other?: (received: Received) => Json | undefined;
  /** Takes a request over before anything else; true when it did. */
  readonly intercept?: (body: Json, response: ServerResponse, request: IncomingMessage) => boolean;
}

export interface ScriptedServer {
  readonly url: string;
  /** The entry of `servers:`. */
  readonly entry: { readonly url: string; readonly allowPrivate: true };
  readonly received: Received[];
  /** Received tools/call. */
  calls(): Received[];
  /** The tools of the next `tools/list`. */
  tools: Record<string, Tool>;
  resources: string[];
  /** Open listen streams (modern) or GET streams (legacy). */
  streams(): number;
  /** Tells every open stream that asked for it. */
  announce(method: string, params?: Json): void;
  close(): Promise<void>;
}

const META_SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';

/** An MCP server over HTTP, of one era, that remembers all it got and does what its tools say. */
export async function startScripted(options: ScriptedOptions): Promise<ScriptedServer> {
  const { era } = options;
  const received: Received[] = [];
  const running = new Map<string, AbortController>();
  const asked = new Map<string, (answer: Json) => void>();
  const streams = new Map<
    ServerResponse,
    { readonly id: unknown; readonly filter: Json; readonly session: string | undefined }
  >();
  const subscribed = new Map<string, Set<string>>();
  let nextAsk = 1;
  let nextSession = 1;
  const state = {
    tools: { ...(options.tools ?? {}) } as Record<string, Tool>,
    resources: [...(options.resources ?? [])],
  };
  const capabilities = {
    tools: { listChanged: true },
    logging: {},
    ...(options.resources === undefined
      ? {}
      : { resources: { subscribe: true, listChanged: true } }),
    ...(options.prompts === undefined ? {} : { prompts: { listChanged: true }, completions: {} }),
  };
  const info = { name: `scripted-${era}`, version: '1' };
  const cached =
    era === 'modern' ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } : {};

  const open = (response: ServerResponse): void => {
    if (response.headersSent) return;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
  };
  const send = (response: ServerResponse, message: Json): void => {
    open(response);
    response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);
  };
  const answer = (response: ServerResponse, message: Json, status = 200): void => {
    if (response.writableEnded || response.destroyed) return;
    if (response.headersSent) {
      send(response, message);
      response.end();
      return;
    }
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', ...message }));
  };

  const callTool = (
    body: Json,
    got: Received,
    request: IncomingMessage,
    response: ServerResponse,
  ): unknown => {
    const { id } = body;
    const abort = new AbortController();
    const key = `${got.session ?? ''} ${JSON.stringify(id)}`;
    running.set(key, abort);
    response.on('close', () => {
      running.delete(key);
      if (!response.writableFinished) abort.abort();
    });
    const done = (message: Json): void => {
      running.delete(key);
      answer(response, { id, ...message });
    };
    const call: ToolCall = {
      ...got,
      id,
      era,
      args: (got.params['arguments'] ?? {}) as Json,
      responses: got.params['inputResponses'] as Record<string, Json> | undefined,
      state: got.params['requestState'] as string | undefined,
      request,
      response,
      cancelled: abort.signal,
      reply: (result) =>
        done({ result: { ...(era === 'modern' ? { resultType: 'complete' } : {}), ...result } }),
      text: (text) => call.reply({ content: [{ type: 'text', text }] }),
      fail: (code, message) => done({ error: { code, message } }),
      send: (message) => send(response, message),
      ask: (method, params) =>
        new Promise((resolve) => {
          const ask = `ask-${nextAsk++}`;
          asked.set(ask, resolve);
          send(response, { id: ask, method, params });
        }),
    };
    const tool = state.tools[String(got.params['name'])];
    if (tool === undefined) return call.fail(-32602, 'no such tool');
    return tool(call);
  };

  const handle = (body: Json, request: IncomingMessage, response: ServerResponse): unknown => {
    const { id, method } = body as { id?: unknown; method?: string };
    const session = request.headers['mcp-session-id'] as string | undefined;
    if (method === undefined) {
      const then = asked.get(String(id));
      asked.delete(String(id));
      then?.(body);
      return void response.writeHead(202).end();
    }
    const params = (body['params'] ?? {}) as Json;
    const meta = params['_meta'] as Json | undefined;
    const got: Received = {
      method,
      params,
      headers: request.headers,
      session,
      span: (meta?.['traceparent'] as string | undefined)?.split('-')[2],
    };
    received.push(got);
    const result = (value: Json): void => answer(response, { id, result: value });
    const unknown = (): void =>
      answer(
        response,
        { id, error: { code: -32601, message: 'unknown method' } },
        era === 'modern' ? 404 : 200,
      );
    switch (method) {
      case 'server/discover':
        if (era === 'legacy')
          return answer(
            response,
            { id: null, error: { code: -32000, message: 'no session' } },
            400,
          );
        return result({
          ...cached,
          supportedVersions: ['2026-07-28'],
          capabilities,
          _meta: { 'io.modelcontextprotocol/serverInfo': info },
        });
      case 'initialize':
        if (era === 'modern')
          return answer(
            response,
            { id, error: { code: -32022, message: 'no', data: { supported: ['2026-07-28'] } } },
            400,
          );
        response.setHeader('mcp-session-id', `session-${nextSession++}`);
        return result({
          protocolVersion: options.revision ?? '2025-11-25',
          capabilities,
          serverInfo: info,
        });
      case 'notifications/cancelled':
        running.get(`${session ?? ''} ${JSON.stringify(params['requestId'])}`)?.abort();
        return void response.writeHead(202).end();
      case 'tools/list':
        return result({
          ...cached,
          tools: Object.keys(state.tools).map((name) => ({
            name,
            inputSchema: { type: 'object' },
            ...options.definitions?.[name],
          })),
        });
      case 'resources/list':
        return result({
          ...cached,
          resources: state.resources.map((uri) => ({ uri, name: uri })),
        });
      case 'resources/templates/list':
        return result({ ...cached, resourceTemplates: [] });
      case 'prompts/list':
        return result({ ...cached, prompts: (options.prompts ?? []).map((name) => ({ name })) });
      case 'prompts/get':
        return result({
          ...(era === 'modern' ? { resultType: 'complete' } : {}),
          messages: [{ role: 'user', content: { type: 'text', text: `prompt ${params['name']}` } }],
        });
      case 'resources/read':
        return result({
          ...cached,
          contents: [{ uri: params['uri'], text: `content of ${params['uri']}` }],
        });
      case 'resources/subscribe':
      case 'resources/unsubscribe': {
        const uris = subscribed.get(session ?? '') ?? new Set<string>();
        subscribed.set(session ?? '', uris);
        if (method === 'resources/subscribe') uris.add(String(params['uri']));
        else uris.delete(String(params['uri']));
        return result({});
      }
      case 'completion/complete':
        return result({
          ...(era === 'modern' ? { resultType: 'complete' } : {}),
          completion: { values: ['one'] },
        });
      case 'logging/setLevel':
        return result({});
      case 'subscriptions/listen': {
        const filter = (params['notifications'] ?? {}) as Json;
        streams.set(response, { id, filter, session });
        response.on('close', () => streams.delete(response));
        return send(response, {
          method: 'notifications/subscriptions/acknowledged',
          params: { notifications: filter, _meta: { [META_SUBSCRIPTION]: id } },
        });
      }
      case 'tools/call':
        return callTool(body, got, request, response);
      default: {
        if (id === undefined) return void response.writeHead(202).end();
        const value = options.other?.(got);
        return value === undefined ? unknown() : result(value);
      }
    }
  };

  const server = createServer((request, response): unknown => {
    if (request.method === 'DELETE') return void response.writeHead(200).end();
    if (request.method === 'GET' && era === 'legacy') {
      const session = request.headers['mcp-session-id'] as string | undefined;
      streams.set(response, { id: undefined, filter: {}, session });
      response.on('close', () => streams.delete(response));
      return open(response);
    }
    if (request.method !== 'POST') return void response.writeHead(405).end();
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      const body = JSON.parse(text) as Json;
      if (options.intercept?.(body, response, request) === true) return;
      handle(body, request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  const wants = (
    entry: { filter: Json; session: string | undefined },
    method: string,
    params: Json,
  ): boolean => {
    if (method === 'notifications/resources/updated') {
      const uri = String(params['uri']);
      const listed = entry.filter['resourceSubscriptions'] as string[] | undefined;
      return era === 'modern'
        ? (listed?.includes(uri) ?? false)
        : (subscribed.get(entry.session ?? '')?.has(uri) ?? false);
    }
    const kind = /^notifications\/(tools|prompts|resources)\/list_changed$/.exec(method)?.[1];
    return era === 'legacy' || kind === undefined || entry.filter[`${kind}ListChanged`] === true;
  };
  return {
    url,
    entry: { url, allowPrivate: true },
    received,
    calls: () => received.filter(({ method }) => method === 'tools/call'),
    get tools() {
      return state.tools;
    },
    set tools(next) {
      state.tools = next;
    },
    get resources() {
      return state.resources;
    },
    set resources(next) {
      state.resources = next;
    },
    streams: () => streams.size,
    announce(method, params = {}) {
      for (const [response, entry] of streams) {
        if (!wants(entry, method, params)) continue;
        const meta = era === 'modern' ? { _meta: { [META_SUBSCRIPTION]: entry.id } } : {};
        send(response, { method, params: { ...params, ...meta } });
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Echoes its `text`. */
export const echo: Tool = (call) => call.text(String(call.args['text']));
/** Never answers by itself. */
export const hang: Tool = () => undefined;
