import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  PromptListChangedNotificationSchema,
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';

type Json = Record<string, unknown>;

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: number) => void;
  readonly logLevel?: 'debug' | 'info';
}

/** What the tests do with any official client. */
export interface SdkClient {
  /** Notifications outside and inside requests, `method detail`. */
  readonly events: string[];
  /** Questions of servers, by method. */
  readonly asked: string[];
  call(
    name: string,
    args?: Json,
    options?: CallOptions,
  ): Promise<{ text: string; isError: boolean }>;
  tools(): Promise<string[]>;
  prompts(): Promise<string[]>;
  prompt(name: string): Promise<string>;
  resources(): Promise<string[]>;
  read(uri: string): Promise<string>;
  /** Wants to hear of list changes and of this resource. */
  watch(uri: string): Promise<void>;
  complete(prompt: string, argument: string, value: string): Promise<readonly string[]>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

export const CLIENTS = ['v2 modern', 'v2 legacy', 'v1'] as const;
export type ClientKind = (typeof CLIENTS)[number];

const INFO = { name: 'integration', version: '1.0.0' };
const CAPABILITIES = { sampling: {}, elicitation: {}, roots: { listChanged: true } };
const ANSWERS = {
  'sampling/createMessage': {
    role: 'assistant' as const,
    model: 'test-model',
    content: { type: 'text' as const, text: 'sampled' },
  },
  'elicitation/create': {
    action: 'accept' as const,
    content: { username: 'ada', email: 'ada@example.com', name: 'ada', color: 'red' },
  },
  'roots/list': { roots: [{ uri: 'file:///srv/ada', name: 'ada' }] },
};
const LISTS = ['tools', 'prompts', 'resources'] as const;

const textOf = (result: unknown): { text: string; isError: boolean } => {
  const { content, isError } = result as { content?: Json[]; isError?: boolean };
  const text = (content ?? []).map((part) => part['text'] ?? `[${part['type']}]`).join('\n');
  return { text, isError: isError === true };
};

/** An official client, connected. It accepts what servers ask of it. */
export function connectClient(kind: ClientKind, url: string, token: string): Promise<SdkClient> {
  return kind === 'v1' ? connectV1(url, token) : connectV2(url, token, kind === 'v2 modern');
}

async function connectV2(url: string, token: string, modern: boolean): Promise<SdkClient> {
  const events: string[] = [];
  const asked: string[] = [];
  const client = new ClientV2(INFO, {
    capabilities: CAPABILITIES,
    versionNegotiation: { mode: modern ? { pin: '2026-07-28' } : 'legacy' },
  });
  const answer = <M extends keyof typeof ANSWERS>(method: M) => {
    asked.push(method);
    return ANSWERS[method];
  };
  client.setRequestHandler('sampling/createMessage', () => answer('sampling/createMessage'));
  client.setRequestHandler('elicitation/create', () => answer('elicitation/create'));
  client.setRequestHandler('roots/list', () => answer('roots/list'));
  for (const list of LISTS)
    client.setNotificationHandler(`notifications/${list}/list_changed`, () => {
      events.push(`${list} changed`);
    });
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
    events.push(`updated ${params.uri}`);
  });
  client.setNotificationHandler('notifications/message', ({ params }) => {
    events.push(`log ${JSON.stringify(params.data)}`);
  });
  await client.connect(
    new TransportV2(new URL(url), {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
    }),
  );
  return {
    events,
    asked,
    async call(name, args = {}, options = {}) {
      const meta =
        options.logLevel !== undefined && modern
          ? { _meta: { 'io.modelcontextprotocol/logLevel': options.logLevel } }
          : {};
      if (options.logLevel !== undefined && !modern) await client.setLoggingLevel(options.logLevel);
      const result = await client.callTool(
        { name, arguments: args, ...meta },
        {
          ...(options.signal === undefined ? {} : { signal: options.signal }),
          ...(options.onProgress === undefined
            ? {}
            : { onprogress: ({ progress }) => options.onProgress?.(progress) }),
        },
      );
      return textOf(result);
    },
    tools: async () =>
      (await client.listTools(undefined, { cacheMode: 'refresh' })).tools.map(({ name }) => name),
    prompts: async () => (await client.listPrompts()).prompts.map(({ name }) => name),
    prompt: async (name) => JSON.stringify((await client.getPrompt({ name })).messages),
    resources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
    read: async (uri) => JSON.stringify((await client.readResource({ uri })).contents),
    async watch(uri) {
      if (!modern) {
        await client.subscribeResource({ uri });
        return;
      }
      const subscription = await client.listen({
        toolsListChanged: true,
        promptsListChanged: true,
        resourcesListChanged: true,
        resourceSubscriptions: [uri],
      });
      if (!subscription.honoredFilter.resourceSubscriptions?.includes(uri))
        throw new Error('not honoured');
    },
    complete: async (prompt, name, value) =>
      (
        await client.complete({
          ref: { type: 'ref/prompt', name: prompt },
          argument: { name, value },
        })
      ).completion.values,
    ping: async () => {
      if (!modern) await client.ping();
    },
    close: () => client.close(),
  };
}

async function connectV1(url: string, token: string): Promise<SdkClient> {
  const events: string[] = [];
  const asked: string[] = [];
  const client = new ClientV1(INFO, { capabilities: CAPABILITIES });
  const answer = <M extends keyof typeof ANSWERS>(method: M) => {
    asked.push(method);
    return ANSWERS[method];
  };
  client.setRequestHandler(CreateMessageRequestSchema, () => answer('sampling/createMessage'));
  client.setRequestHandler(ElicitRequestSchema, () => answer('elicitation/create'));
  client.setRequestHandler(ListRootsRequestSchema, () => answer('roots/list'));
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
    events.push('tools changed');
  });
  client.setNotificationHandler(PromptListChangedNotificationSchema, () => {
    events.push('prompts changed');
  });
  client.setNotificationHandler(ResourceListChangedNotificationSchema, () => {
    events.push('resources changed');
  });
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
    events.push(`updated ${params.uri}`);
  });
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    events.push(`log ${JSON.stringify(params.data)}`);
  });
  const transport = new TransportV1(new URL(url), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  });
  await client.connect(transport as Transport);
  return {
    events,
    asked,
    async call(name, args = {}, options = {}) {
      if (options.logLevel !== undefined) await client.setLoggingLevel(options.logLevel);
      const result = await client.callTool({ name, arguments: args }, undefined, {
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        ...(options.onProgress === undefined
          ? {}
          : { onprogress: ({ progress }) => options.onProgress?.(progress) }),
      });
      return textOf(result);
    },
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    prompts: async () => (await client.listPrompts()).prompts.map(({ name }) => name),
    prompt: async (name) => JSON.stringify((await client.getPrompt({ name })).messages),
    resources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
    read: async (uri) => JSON.stringify((await client.readResource({ uri })).contents),
    watch: async (uri) => void (await client.subscribeResource({ uri })),
    complete: async (prompt, name, value) =>
      (
        await client.complete({
          ref: { type: 'ref/prompt', name: prompt },
          argument: { name, value },
        })
      ).completion.values,
    ping: async () => void (await client.ping()),
    close: () => client.close(),
  };
}
