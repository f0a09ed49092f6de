import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createParser } from 'eventsource-parser';

type Json = Record<string, unknown>;

export interface Message {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: Json;
  readonly result?: Json;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Json };
}

export interface Answer extends Message {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Everything before the answer on the same stream. */
  readonly before: readonly Message[];
  readonly text: string;
}

export interface Stream {
  readonly status: number;
  readonly messages: Message[];
  /** Resolves with the first message (of those not yet taken) that fits. */
  next(fits: (message: Message) => boolean): Promise<Message>;
  readonly ended: Promise<void>;
  close(): void;
}

export interface PostOptions {
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  readonly verb?: string;
  readonly onMessage?: (message: Message) => void;
}

const ENVELOPE = 'io.modelcontextprotocol/';

/** Sends exactly these bytes and reads a JSON or SSE answer; never judges. */
export function post(
  url: string,
  body: string | Buffer,
  options: PostOptions = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    };
    for (const [name, value] of Object.entries(options.headers ?? {}))
      if (value !== undefined) headers[name] = value;
    const sent = httpRequest(
      url,
      { method: options.verb ?? 'POST', headers, agent: false, signal: options.signal },
      (response) => {
        const messages: Message[] = [];
        let text = '';
        const take = (data: string): void => {
          const message = JSON.parse(data) as Message;
          messages.push(message);
          options.onMessage?.(message);
        };
        const parser = createParser({ onEvent: ({ data }) => data !== '' && take(data) });
        const sse = String(response.headers['content-type']).startsWith('text/event-stream');
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          if (sse) parser.feed(chunk);
        });
        response.on('error', reject);
        response.on('end', () => {
          if (!sse && text.startsWith('{')) take(text);
          const last = messages.findLast(
            ({ id, method }) => id !== undefined && method === undefined,
          );
          resolve({
            ...last,
            status: response.statusCode ?? 0,
            headers: response.headers,
            before: messages.filter((message) => message !== last),
            text,
          });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

export function openStream(
  url: string,
  verb: 'GET' | 'POST',
  body: string | undefined,
  headers: Readonly<Record<string, string | undefined>>,
): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const all: Record<string, string> = { accept: 'application/json, text/event-stream' };
    if (body !== undefined) all['content-type'] = 'application/json';
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) all[name] = value;
    const sent = httpRequest(url, { method: verb, headers: all, agent: false }, (response) => {
      const messages: Message[] = [];
      const waiting = new Set<{
        fits: (message: Message) => boolean;
        resolve: (message: Message) => void;
        reject: (error: Error) => void;
      }>();
      let from = 0;
      const look = (): void => {
        for (const one of waiting) {
          const at = messages.findIndex((message, index) => index >= from && one.fits(message));
          if (at < 0) continue;
          from = at + 1;
          waiting.delete(one);
          one.resolve(messages[at] as Message);
        }
      };
      const parser = createParser({
        onEvent({ data }) {
          if (data === '') return;
          messages.push(JSON.parse(data) as Message);
          look();
        },
      });
      response.setEncoding('utf8').on('data', (chunk: string) => parser.feed(chunk));
      const ended = new Promise<void>((done) => response.on('close', () => done()));
      response.on('error', () => undefined);
      void ended.then(() => {
        for (const one of waiting) one.reject(new Error('the stream ended'));
      });
      resolve({
        status: response.statusCode ?? 0,
        messages,
        next: (fits) =>
          new Promise((take, fail) => {
            waiting.add({ fits, resolve: take, reject: fail });
            look();
          }),
        ended,
        close: () => sent.destroy(),
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export interface ModernOptions extends PostOptions {
  readonly id?: unknown;
  readonly capabilities?: Json;
  readonly meta?: Json;
}

export interface ModernClient {
  body(method: string, params?: Json, options?: ModernOptions): string;
  headersFor(method: string, params?: Json): Record<string, string | undefined>;
  request(method: string, params?: Json, options?: ModernOptions): Promise<Answer>;
  call(name: string, args?: Json, options?: ModernOptions): Promise<Answer>;
  listen(notifications: Json, id?: unknown): Promise<Stream>;
}

/** A 2026-07-28 client without any comfort. */
export function modernClient(url: string, token: string | undefined): ModernClient {
  const client: ModernClient = {
    body: (method, params = {}, options = {}) =>
      JSON.stringify({
        jsonrpc: '2.0',
        id: options.id ?? 1,
        method,
        params: {
          ...params,
          _meta: {
            [`${ENVELOPE}protocolVersion`]: '2026-07-28',
            [`${ENVELOPE}clientCapabilities`]: options.capabilities ?? {},
            ...options.meta,
          },
        },
      }),
    headersFor(method, params = {}) {
      const name = params['name'] ?? params['uri'] ?? params['taskId'];
      return {
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
        'mcp-name': typeof name === 'string' ? name : undefined,
        authorization: token === undefined ? undefined : `Bearer ${token}`,
      };
    },
    request: (method, params = {}, options = {}) =>
      post(url, client.body(method, params, options), {
        ...options,
        headers: { ...client.headersFor(method, params), ...options.headers },
      }),
    call: (name, args = {}, options = {}) =>
      client.request('tools/call', { name, arguments: args }, options),
    listen: (notifications, id = 'listen-1') =>
      openStream(
        url,
        'POST',
        client.body('subscriptions/listen', { notifications }, { id }),
        client.headersFor('subscriptions/listen'),
      ),
  };
  return client;
}

export interface LegacyClient {
  readonly session: string;
  request(method: string, params?: Json, options?: PostOptions & { id?: unknown }): Promise<Answer>;
  call(name: string, args?: Json, options?: PostOptions & { id?: unknown }): Promise<Answer>;
  notify(method: string, params?: Json): Promise<Answer>;
  /** Answers a question of the gateway. */
  answer(id: unknown, result: Json): Promise<Answer>;
  stream(): Promise<Stream>;
  end(): Promise<Answer>;
}

/** A 2025-11-25 client after its handshake. */
export async function legacyClient(
  url: string,
  token: string,
  options: { readonly capabilities?: Json; readonly session?: string } = {},
): Promise<LegacyClient> {
  const authorization = `Bearer ${token}`;
  let nextId = 1;
  let session = options.session;
  const headers = (): Record<string, string | undefined> => ({
    authorization,
    'mcp-session-id': session,
    'mcp-protocol-version': session === undefined ? undefined : '2025-11-25',
  });
  const send = (body: Json, more: PostOptions = {}): Promise<Answer> =>
    post(url, JSON.stringify({ jsonrpc: '2.0', ...body }), {
      ...more,
      headers: { ...headers(), ...more.headers },
    });
  if (session === undefined) {
    const hello = await send({
      id: 0,
      method: 'initialize',
      params: {
        protocolVersion: '2025-11-25',
        capabilities: options.capabilities ?? {},
        clientInfo: { name: 'raw', version: '1' },
      },
    });
    session = hello.headers['mcp-session-id'] as string | undefined;
    if (session === undefined) throw new Error(`no session: ${hello.status} ${hello.text}`);
    await send({ method: 'notifications/initialized' });
  }
  const client: LegacyClient = {
    session,
    request: (method, params = {}, more = {}) =>
      send({ id: more.id ?? nextId++, method, params }, more),
    call: (name, args = {}, more = {}) =>
      client.request('tools/call', { name, arguments: args }, more),
    notify: (method, params = {}) => send({ method, params }),
    answer: (id, result) => send({ id, result }),
    stream: () => openStream(url, 'GET', undefined, headers()),
    end: () => post(url, '', { verb: 'DELETE', headers: headers() }),
  };
  return client;
}

/** Waits until `check` holds; fails loudly after ten seconds. */
export async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (performance.now() < end) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('the condition never held');
}
