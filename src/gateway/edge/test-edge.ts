import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import type {
  AuthenticationRefusal,
  PresentedCredential,
  Principal,
} from '../../identity/index.ts';
import {
  createFakeClock,
  createIdSource,
  createSeededRandom,
  type FakeClock,
} from '../../kernel/index.ts';
import type { GatewayCore, InboundRequest, Push, RawJson, Reply, Session } from '../model.ts';
import { createSealer } from '../wire/seal.ts';
import { createEdge, type Edge } from './create-edge.ts';
import type { EdgeDeps } from './deps.ts';

/** A scripted core: remembers what reached it and answers at once unless a test says otherwise. */
export interface FakeCore extends GatewayCore {
  readonly seen: InboundRequest[];
  readonly notes: Array<{ session: Session; method: string; params: RawJson | undefined }>;
  readonly ended: Session[];
  readonly admitted: PresentedCredential[];
  readonly pushes: Map<string, Push>;
  answer: (request: InboundRequest) => Reply | Promise<Reply>;
  verdict: (
    credential: PresentedCredential,
  ) => Principal | AuthenticationRefusal | Promise<Principal | AuthenticationRefusal>;
}

export function principalOf(agent: string, user?: string): Principal {
  return {
    agent: {
      id: agent,
      name: agent,
      owners: ['usr_1'],
      purpose: 'test',
      state: 'active',
      groups: [],
      createdAt: 0,
      expiresAt: Number.MAX_SAFE_INTEGER,
      version: 1,
    },
    ...(user === undefined ? {} : { user }),
    path: [agent],
    credential: {
      kind: 'access_token',
      id: 'tok_1',
      issuedAt: 0,
      expiresAt: Number.MAX_SAFE_INTEGER,
    },
    scopes: [],
  };
}

export function createFakeCore(): FakeCore {
  const principals = new Map<string, Principal>();
  const core: FakeCore = {
    seen: [],
    notes: [],
    ended: [],
    admitted: [],
    pushes: new Map(),
    answer: () => ({ kind: 'result', result: '{"ok":true}' as RawJson }),
    verdict(credential) {
      const name = /^Bearer (\w+)$/.exec(credential.authorization ?? '')?.[1];
      if (name === undefined) return { refused: true, reason: 'missing' };
      let principal = principals.get(name);
      if (principal === undefined) {
        principal = principalOf(name);
        principals.set(name, principal);
      }
      return principal;
    },
    admit(credential) {
      core.admitted.push(credential);
      return core.verdict(credential);
    },
    async initialize({ client }) {
      const text = `{"protocolVersion":"${client.revision}","capabilities":{},"serverInfo":{"name":"s","version":"1"}}`;
      return { kind: 'result', result: text as RawJson };
    },
    async handle(request) {
      core.seen.push(request);
      return core.answer(request);
    },
    notification(session, method, params) {
      core.notes.push({ session, method, params });
    },
    attach(session, push) {
      core.pushes.set(session.id, push);
      return () => void core.pushes.delete(session.id);
    },
    endSession: (session) => void core.ended.push(session),
  };
  return core;
}

export interface TestEdge {
  readonly edge: Edge;
  readonly core: FakeCore;
  readonly clock: FakeClock;
  readonly port: number;
  readonly logs: string[];
  revoke(agentId: string): void;
}

export const SEAL_KEYS = [{ id: 'k1', secret: new Uint8Array(32).fill(7) }];

export async function startEdge(
  overrides: Partial<EdgeDeps> & { core?: FakeCore; clock?: FakeClock } = {},
): Promise<TestEdge> {
  const clock = overrides.clock ?? createFakeClock();
  const core = overrides.core ?? createFakeCore();
  const random = createSeededRandom(
    overrides.instance === undefined ? 5 : overrides.instance.length + 11,
  );
  const logs: string[] = [];
  const revokers = new Set<(agentId: string) => void>();
  const log = (_facts: object, message: string): void => void logs.push(message);
  const edge = createEdge({
    random,
    ids: createIdSource(clock, random),
    sealer: createSealer({ keys: SEAL_KEYS, random, clock }),
    logger: { debug: log, warn: log, error: log },
    publicUrl: 'https://gw.example',
    allowedHosts: ['127.0.0.1', 'gw.example:8443'],
    allowedOrigins: ['https://app.example', 'http://localhost:*'],
    wellKnown: async () => undefined,
    challenge: (refusal) => `Bearer error="${refusal.error ?? ''}"`,
    servers: () => ['files'],
    onRevoked(listener) {
      revokers.add(listener);
      return () => revokers.delete(listener);
    },
    instance: 'inst',
    ...overrides,
    core,
    clock,
  });
  const { port } = await edge.listen('127.0.0.1', 0);
  return {
    edge,
    core,
    clock,
    port,
    logs,
    revoke(agentId) {
      for (const listener of revokers) listener(agentId);
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into arbitrary JSON.
  readonly json: any;
}

export interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer;
}

export const AUTH = { authorization: 'Bearer alice' };
export const POST_HEADERS = {
  ...AUTH,
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

export function open(
  port: number,
  sent: Sent,
): { req: ClientRequest; response: Promise<IncomingMessage> } {
  const req = httpRequest({
    host: '127.0.0.1',
    port,
    method: sent.method ?? 'POST',
    path: sent.path ?? '/mcp',
    headers: sent.headers ?? POST_HEADERS,
    agent: false,
  });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    req.on('response', resolve);
    req.on('error', reject);
  });
  req.end(sent.body);
  return { req, response };
}

export async function send(port: number, sent: Sent): Promise<Answer> {
  const { response } = open(port, sent);
  const res = await response;
  let text = '';
  res.setEncoding('utf8');
  for await (const chunk of res) text += chunk;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: res.statusCode ?? 0, headers: res.headers, text, json };
}

export const VERSION = '2026-07-28';

export function modern(
  method: string,
  params: Record<string, unknown> = {},
  id: unknown = 1,
  capabilities: object = {},
): string {
  const _meta = {
    ...(params['_meta'] as object | undefined),
    'io.modelcontextprotocol/protocolVersion': VERSION,
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  };
  return JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta } });
}

export function modernHeaders(method: string, name?: string): Record<string, string> {
  return {
    ...POST_HEADERS,
    'mcp-protocol-version': VERSION,
    'mcp-method': method,
    ...(name === undefined ? {} : { 'mcp-name': name }),
  };
}

export const INITIALIZE = (revision: string): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: {
      protocolVersion: revision,
      capabilities: { elicitation: {} },
      clientInfo: { name: 'c', version: '1' },
    },
  });

/** Opens a legacy session and returns the headers of its later requests. */
export async function session(
  port: number,
  revision = '2025-11-25',
  auth = AUTH,
  path = '/mcp',
): Promise<Record<string, string>> {
  const answer = await send(port, {
    path,
    headers: { ...POST_HEADERS, ...auth },
    body: INITIALIZE(revision),
  });
  const id = answer.headers['mcp-session-id'];
  if (typeof id !== 'string') throw new Error(`no session: ${answer.status} ${answer.text}`);
  return { ...POST_HEADERS, ...auth, 'mcp-session-id': id };
}

export const rpc = (method: string, params?: object, id: unknown = 1): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) });
export const note = (method: string, params?: object): string =>
  JSON.stringify({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) });

/** Reads an event stream piece by piece. */
export function reader(res: IncomingMessage): {
  until(part: string): Promise<string>;
  rest(): Promise<string>;
} {
  let text = '';
  let over = false;
  const wake = new Set<() => void>();
  const ring = (): void => {
    for (const fn of [...wake]) fn();
  };
  res.setEncoding('utf8');
  res.on('data', (chunk: string) => {
    text += chunk;
    ring();
  });
  const finish = (): void => {
    over = true;
    ring();
  };
  res.on('end', finish);
  res.on('error', finish);
  res.on('close', finish);
  const wait = (): Promise<void> =>
    new Promise((resolve) => {
      const fn = (): void => {
        wake.delete(fn);
        resolve();
      };
      wake.add(fn);
    });
  return {
    async until(part) {
      while (!text.includes(part)) {
        if (over) throw new Error(`the stream ended without ${part}: ${text}`);
        await wait();
      }
      return text;
    },
    async rest() {
      while (!over) await wait();
      return text;
    },
  };
}

/** A promise with its handles. */
export function gate<T>(): { promise: Promise<T>; open: (value: T) => void } {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { promise, open: resolve };
}
