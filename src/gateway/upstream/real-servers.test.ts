import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { RawJson } from '../model.ts';
import { createRig, http, MODERN_CLIENT, type Rig, request, stdio, tool } from './fixtures/rig.ts';

const require = createRequire(import.meta.url);
const entry = (name: string): string => {
  const manifest = require.resolve(`@modelcontextprotocol/${name}/package.json`);
  const bin: Record<string, string> = require(manifest).bin;
  return join(dirname(manifest), Object.values(bin)[0]!);
};

describe('the official "everything" server over stdio', () => {
  let rig: Rig;
  beforeAll(() => {
    rig = createRig(stdio([entry('server-everything'), 'stdio']), { probeSilenceMs: 1_000 });
  });
  afterAll(() => rig.pool.close());

  it('is legacy, lists its tools and echoes', async () => {
    const connection = await rig.connect();
    expect(connection.info).toMatchObject({ era: 'legacy', revision: '2025-11-25' });
    const list = await connection.request(request('tools/list'));
    expect(list.kind === 'result' && JSON.parse(list.result).tools.length).toBeGreaterThan(5);
    const answer = await connection.request(tool('echo', { message: 'größe' }));
    expect(answer.kind === 'result' && JSON.parse(answer.result).content[0].text).toBe(
      'Echo: größe',
    );
  });

  it('reports progress with the caller’s token and samples through the open call', async () => {
    const connection = await rig.connect();
    const long = request('tools/call', {
      name: 'trigger-long-running-operation',
      arguments: { duration: 0.2, steps: 2 },
      _meta: { progressToken: 'mine' },
    });
    await connection.request(long);
    const progress = long.notes.filter((note) => note.method === 'notifications/progress');
    expect(
      progress.map((note) => (note.params as { progressToken: string }).progressToken),
    ).toEqual(['mine', 'mine']);
    const asked: string[] = [];
    const sampling = tool(
      'trigger-sampling-request',
      { prompt: 'hi', maxTokens: 5 },
      {
        onRequest: async (method) => {
          asked.push(method);
          const result = {
            role: 'assistant',
            model: 'm',
            content: { type: 'text', text: 'sampled!' },
          };
          return { result: JSON.stringify(result) as RawJson };
        },
      },
    );
    const answer = await connection.request(sampling);
    // The server also asks for roots a moment after its start, which may fall into this call.
    expect(asked).toContain('sampling/createMessage');
    expect(answer.kind === 'result' && answer.result).toContain('sampled!');
  });

  it('accepts subscriptions behind a synthesised acknowledgement', async () => {
    const connection = await rig.connect();
    const uri = 'demo://resource/dynamic/text/1';
    const filter = JSON.stringify({
      toolsListChanged: true,
      resourceSubscriptions: [uri],
    }) as RawJson;
    const listener = await connection.listen(filter, MODERN_CLIENT, new AbortController().signal);
    expect(JSON.parse(listener.acknowledged).resourceSubscriptions).toEqual([uri]);
    listener.close();
  });
});

describe('the official filesystem server over stdio', () => {
  it('reads a file and refuses one outside its root', async () => {
    const root = await mkdtemp(join(tmpdir(), 'sallyport-'));
    await writeFile(join(root, 'a.txt'), 'inside');
    const rig = createRig(stdio([entry('server-filesystem'), root]), { probeSilenceMs: 1_000 });
    try {
      const connection = await rig.connect();
      const inside = await connection.request(
        tool('read_text_file', { path: join(root, 'a.txt') }),
      );
      expect(inside.kind === 'result' && JSON.parse(inside.result).content[0].text).toBe('inside');
      const outside = await connection.request(tool('read_text_file', { path: '/etc/hostname' }));
      expect(outside.kind === 'result' && JSON.parse(outside.result).isError).toBe(true);
    } finally {
      await rig.pool.close();
      await rm(root, { recursive: true });
    }
  });
});

describe('a server of the official SDK over Streamable HTTP, modern era', () => {
  const open: Array<() => Promise<unknown>> = [];
  afterAll(async () => {
    for (const close of open.reverse()) await close();
  });

  it('is found to be modern, is called, reports progress and acknowledges a listen stream', async () => {
    const handler = createMcpHandler(() => {
      const server = new McpServer({ name: 'official', version: '1.0.0' });
      server.registerTool(
        'greet',
        { description: 'greets', inputSchema: z.object({ who: z.string() }) },
        async ({ who }, context) => {
          const token = context.mcpReq._meta?.progressToken;
          if (token !== undefined) {
            const params = { progressToken: token, progress: 1, total: 1 };
            await context.mcpReq.notify({ method: 'notifications/progress', params });
          }
          return { content: [{ type: 'text', text: `hello ${who}` }] };
        },
      );
      return server;
    });
    const toNode = toNodeHandler(handler);
    const node = createServer(
      (incoming, response) => void toNode(incoming as never, response as never),
    );
    await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
    open.push(
      () =>
        new Promise((resolve) => {
          node.close(resolve);
          node.closeAllConnections();
        }),
    );
    const rig = createRig(http(`http://127.0.0.1:${(node.address() as AddressInfo).port}/mcp`));
    open.push(() => rig.pool.close());
    const connection = await rig.connect({ client: MODERN_CLIENT });
    expect(connection.info).toMatchObject({ era: 'modern', revision: '2026-07-28' });
    const call = request(
      'tools/call',
      { name: 'greet', arguments: { who: 'größe' }, _meta: { progressToken: 'p' } },
      { client: MODERN_CLIENT },
    );
    const answer = await connection.request(call);
    expect(answer.kind === 'result' && JSON.parse(answer.result)).toMatchObject({
      resultType: 'complete',
      content: [{ type: 'text', text: 'hello größe' }],
    });
    expect(call.notes.map((note) => note.method)).toEqual(['notifications/progress']);
    const listener = await connection.listen(
      '{"toolsListChanged":true}' as RawJson,
      MODERN_CLIENT,
      new AbortController().signal,
    );
    expect(JSON.parse(listener.acknowledged)).toEqual({ toolsListChanged: true });
    listener.close();
    expect(rig.faults).toEqual([]);
  });
});
