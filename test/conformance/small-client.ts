import { createParser } from 'eventsource-parser';

type Json = Record<string, unknown>;
export type Revision = '2025-11-25' | '2026-07-28';

export interface SmallTool {
  name: string;
  inputSchema: { properties?: Record<string, Json>; [key: string]: unknown };
}

export interface SmallClientOptions {
  url: string;
  token: string;
  revision: Revision;
  /** Answers what the server asks in the middle of a call. */
  answer(method: string, params: Json): Json;
}

/**
 * A client that does what the specification says and nothing for comfort: no caches, no validation, and no dropping
 * of tools or fields, so that what a scenario sees is the gateway's doing and not an SDK's.
 */
export interface SmallClient {
  connect(): Promise<void>;
  request(method: string, params?: Json): Promise<Json>;
  listTools(): Promise<SmallTool[]>;
  /** Throws on `isError` too. */
  callTool(tool: SmallTool | string, args: Json): Promise<Json>;
}

const CAPABILITIES = { elicitation: { form: {} }, sampling: {}, roots: {} };
const INFO = { name: 'small-client', version: '1.0.0' };
const MAX_ROUNDS = 5;

/** Plain when it is visible ASCII without edge blanks, else the marked base64 of 2026-07-28. */
function headerValue(value: string): string {
  const plain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value);
  if (plain && !(value.startsWith('=?base64?') && value.endsWith('?='))) return value;
  return `=?base64?${Buffer.from(value, 'utf8').toString('base64')}?=`;
}

function paramHeaders(schema: SmallTool['inputSchema'], args: Json): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const name = property['x-mcp-header'];
    const value = args[key];
    if (typeof name !== 'string' || value === undefined || value === null) continue;
    headers[`mcp-param-${name}`] = headerValue(String(value));
  }
  return headers;
}

export function createSmallClient(options: SmallClientOptions): SmallClient {
  const { url, revision } = options;
  const modern = revision === '2026-07-28';
  let nextId = 1;
  let session: string | undefined;

  const post = (body: Json, headers: Record<string, string>): Promise<Response> =>
    fetch(url, {
      method: 'POST',
      headers: {
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        authorization: `Bearer ${options.token}`,
        ...(session === undefined ? {} : { 'mcp-session-id': session }),
        ...headers,
      },
      body: JSON.stringify(body),
    });

  const answerServer = async (message: Json): Promise<void> => {
    const result = options.answer(String(message['method']), (message['params'] ?? {}) as Json);
    const response = await post(
      { jsonrpc: '2.0', id: message['id'], result },
      { 'mcp-protocol-version': revision },
    );
    await response.body?.cancel();
  };

  /** The message with our id; what the server asks meanwhile is answered. */
  const read = async (response: Response, id: number): Promise<Json> => {
    if (!(response.headers.get('content-type') ?? '').includes('text/event-stream')) {
      const text = await response.text();
      if (text === '') throw new Error(`HTTP ${response.status} without a body`);
      return JSON.parse(text) as Json;
    }
    let found: Json | undefined;
    const asked: Promise<void>[] = [];
    const parser = createParser({
      onEvent({ data }) {
        if (data.trim() === '') return;
        const message = JSON.parse(data) as Json;
        if (typeof message['method'] === 'string') {
          if ('id' in message) asked.push(answerServer(message));
        } else if (message['id'] === id) found = message;
      },
    });
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
      if (found !== undefined) break;
    }
    await Promise.all(asked);
    if (found === undefined) throw new Error('the stream ended without an answer');
    return found;
  };

  const exchange = async (
    method: string,
    params: Json,
    extra: Record<string, string>,
  ): Promise<Json> => {
    const id = nextId++;
    const headers: Record<string, string> = { 'mcp-protocol-version': revision, ...extra };
    let sent = params;
    if (modern) {
      headers['mcp-method'] = method;
      const name = params['name'] ?? params['uri'];
      if (typeof name === 'string') headers['mcp-name'] = headerValue(name);
      sent = {
        ...params,
        _meta: {
          'io.modelcontextprotocol/protocolVersion': revision,
          'io.modelcontextprotocol/clientInfo': INFO,
          'io.modelcontextprotocol/clientCapabilities': CAPABILITIES,
        },
      };
    }
    const response = await post({ jsonrpc: '2.0', id, method, params: sent }, headers);
    session ??= modern ? undefined : (response.headers.get('mcp-session-id') ?? undefined);
    const message = await read(response, id);
    const error = message['error'] as { code: number; message: string } | undefined;
    if (error) throw new Error(`${method}: ${error.code} ${error.message}`);
    return message['result'] as Json;
  };

  const complete = async (
    method: string,
    params: Json,
    extra: Record<string, string> = {},
  ): Promise<Json> => {
    let sent = params;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const result = await exchange(method, sent, extra);
      if (result['resultType'] !== 'input_required') return result;
      const asks = Object.entries((result['inputRequests'] ?? {}) as Record<string, Json>);
      sent = {
        ...params,
        inputResponses: Object.fromEntries(
          asks.map(([key, ask]) => [
            key,
            options.answer(String(ask['method']), (ask['params'] ?? {}) as Json),
          ]),
        ),
        ...('requestState' in result ? { requestState: result['requestState'] } : {}),
      };
    }
    throw new Error(`${method}: still asking after ${MAX_ROUNDS} rounds`);
  };

  return {
    async connect() {
      if (modern) {
        await complete('server/discover', {});
        return;
      }
      await complete('initialize', {
        protocolVersion: revision,
        capabilities: CAPABILITIES,
        clientInfo: INFO,
      });
      const note = { jsonrpc: '2.0', method: 'notifications/initialized' };
      const response = await post(note, { 'mcp-protocol-version': revision });
      await response.body?.cancel();
    },
    request: (method, params = {}) => complete(method, params),
    async listTools() {
      return (await complete('tools/list', {}))['tools'] as SmallTool[];
    },
    async callTool(tool, args) {
      const name = typeof tool === 'string' ? tool : tool.name;
      const extra = modern && typeof tool !== 'string' ? paramHeaders(tool.inputSchema, args) : {};
      const result = await complete('tools/call', { name, arguments: args }, extra);
      if (result['isError'] === true)
        throw new Error(`${name}: ${JSON.stringify(result['content'])}`);
      return result;
    },
  };
}
