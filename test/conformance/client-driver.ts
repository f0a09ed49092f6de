// What the suite runs as "the client" (`client --command "node client-driver.ts"`; it appends the URL of its server):
// starts a gateway with that server as upstream, does through the gateway what the scenario wants of a client, ends.

import { startGateway } from '../fixtures/start-gateway.ts';
import { type AuthContext, authFor, withPerson } from './auth-driver.ts';
import {
  createSmallClient,
  type Revision,
  type SmallClient,
  type SmallTool,
} from './small-client.ts';

type Json = Record<string, unknown>;
interface Context extends AuthContext {
  toolCalls?: { name: string; arguments: Json }[];
}
type Script = (client: SmallClient, context: Context) => Promise<void>;

/** A value for every property of a schema, by its type. */
function sampleArguments(tool: SmallTool): Json {
  const samples: Json = {
    string: 'x',
    integer: 1,
    number: 1,
    boolean: true,
    array: [],
    object: {},
  };
  const entries = Object.entries(tool.inputSchema.properties ?? {});
  return Object.fromEntries(
    entries.map(([key, property]) => [key, samples[String(property['type'])] ?? null]),
  );
}

/** A form answer that leaves every field to its default, as a client that applies defaults sends it. */
function withDefaults(params: Json): Json {
  const schema = (params['requestedSchema'] ?? {}) as { properties?: Record<string, Json> };
  const content: Json = {};
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if ('default' in property) content[key] = property['default'];
    else if (property['type'] === 'boolean') content[key] = true;
  }
  return { action: 'accept', content };
}

const callEach =
  (...names: string[]): Script =>
  async (client) => {
    const tools = await client.listTools();
    for (const name of names)
      await client.callTool(tools.find((tool) => tool.name === name) ?? name, {});
  };

const SCRIPTS: Record<string, Script> = {
  initialize: async (client) => void (await client.request('tools/list').catch(() => undefined)),
  'request-metadata': async (client) => void (await client.listTools()),
  'json-schema-ref-no-deref': async (client) => void (await client.listTools()),
  tools_call: async (client) => {
    await client.listTools();
    await client.callTool('add_numbers', { a: 5, b: 3 });
  },
  'elicitation-sep1034-client-defaults': callEach('test_client_elicitation_defaults'),
  'sse-retry': callEach('test_reconnection'),
  'sep-2322-client-request-state': callEach(
    'test_mrtr_echo_state',
    'test_mrtr_unrelated',
    'test_mrtr_no_state',
    'test_mrtr_no_result_type',
  ),
  'http-standard-headers': async (client) => {
    for (const tool of await client.listTools()) await client.callTool(tool, sampleArguments(tool));
    const { resources } = (await client.request('resources/list')) as {
      resources: { uri: string }[];
    };
    for (const { uri } of resources) await client.request('resources/read', { uri });
    const { prompts } = (await client.request('prompts/list')) as { prompts: { name: string }[] };
    for (const { name } of prompts) await client.request('prompts/get', { name });
  },
  'http-custom-headers': async (client, context) => {
    const tools = await client.listTools();
    for (const call of context.toolCalls ?? []) {
      await client.callTool(
        tools.find(({ name }) => name === call.name) ?? call.name,
        call.arguments,
      );
    }
  },
  // Every tool that survived the gateway is called: the broken ones must not be among them.
  'http-invalid-tool-headers': async (client) => {
    for (const tool of await client.listTools()) await client.callTool(tool, sampleArguments(tool));
  },
  'json-schema-2020-12-preservation': async (client) => {
    const tools = await client.listTools();
    const focal = tools.find(({ name }) => name === 'json_schema_2020_12_tool');
    await client.callTool('json_schema_echo', { schema: focal?.inputSchema });
  },
};

/** What every `auth/` scenario wants: reach the server, read its list, call its tool. */
const useTool: Script = async (client) => {
  await client.listTools();
  await client.callTool('test-tool', {});
};

const url = process.argv.at(-1) ?? '';
const scenario = process.env['MCP_CONFORMANCE_SCENARIO'] ?? '';
const revision = (process.env['MCP_CONFORMANCE_PROTOCOL_VERSION'] ?? '2025-11-25') as Revision;
const context = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}') as Context;
const authorized = scenario.startsWith('auth/');
const script = authorized ? useTool : SCRIPTS[scenario];
if (!script) {
  process.stderr.write(`no script for scenario ${scenario}\n`);
  process.exit(2);
}

const gateway = await startGateway({
  servers: {
    suite: {
      url,
      allowPrivate: true,
      ...(authorized ? { auth: await authFor(scenario, url, context) } : {}),
    },
  },
  timeoutMs: 20_000,
});
try {
  const client = createSmallClient({
    url: gateway.serverUrl('suite'),
    token: gateway.tokenFor(),
    revision,
    answer: (method, params) => {
      if (method === 'elicitation/create') return withDefaults(params);
      if (method === 'roots/list') return { roots: [] };
      return { role: 'assistant', model: 'none', content: { type: 'text', text: 'ok' } };
    },
  });
  const run = async (): Promise<void> => {
    await client.connect();
    await script(client, context);
  };
  await (authorized ? withPerson(gateway, 'suite', run) : run());
} catch (error) {
  process.exitCode = 1;
  process.stderr.write(`${String(error)}\n${gateway.log()}\n`);
} finally {
  await gateway.close();
}
