import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  ElicitRequestSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RawJson } from '../model.ts';
import { AUTH, gate, startEdge, type TestEdge } from './test-edge.ts';

let t: TestEdge;
beforeEach(async () => {
  t = await startEdge({ publicUrl: 'http://127.0.0.1' });
  t.core.initialize = async ({ client }) => ({
    kind: 'result',
    result: JSON.stringify({
      protocolVersion: client.revision,
      capabilities: { tools: { listChanged: true } },
      serverInfo: { name: 's', version: '1' },
    }) as RawJson,
  });
  t.core.answer = async (request) => {
    if (request.method !== 'tools/call')
      return { kind: 'result', result: '{"tools":[]}' as RawJson };
    const asked = await request.downstream.ask?.(
      'elicitation/create',
      '{"message":"who?","requestedSchema":{"type":"object","properties":{}}}' as RawJson,
      request.downstream.signal,
    );
    const text = JSON.stringify(asked !== undefined && 'result' in asked ? asked.result : 'none');
    return { kind: 'result', result: `{"content":[{"type":"text","text":${text}}]}` as RawJson };
  };
});
afterEach(() => t.edge.close(0));

test.each(['streamable', 'sse'])(
  'the official client over %s lists, calls, is asked, is notified and leaves',
  async (kind) => {
    const init = { requestInit: { headers: AUTH } };
    const url = new URL(`http://127.0.0.1:${t.port}/${kind === 'sse' ? 'sse' : 'mcp'}`);
    const streamable = new StreamableHTTPClientTransport(url, init);
    const transport = kind === 'sse' ? new SSEClientTransport(url, init) : streamable;
    const client = new Client({ name: 'c', version: '1' }, { capabilities: { elicitation: {} } });
    client.setRequestHandler(ElicitRequestSchema, async () => ({
      action: 'accept',
      content: { name: 'Ada' },
    }));
    const changed = gate<void>();
    client.setNotificationHandler(ToolListChangedNotificationSchema, async () => changed.open());
    await client.connect(transport as Transport);
    await client.ping();
    expect(await client.listTools()).toEqual({ tools: [] });
    const called = await client.callTool({ name: 'x', arguments: {} });
    expect(JSON.stringify(called.content)).toContain('Ada');
    while (t.core.pushes.size === 0) await new Promise((resolve) => setImmediate(resolve));
    for (const push of t.core.pushes.values()) push('notifications/tools/list_changed', undefined);
    await changed.promise;
    if (kind === 'streamable') await streamable.terminateSession();
    await client.close();
    while (t.core.ended.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(t.edge.status().sessions).toBe(0);
  },
);
