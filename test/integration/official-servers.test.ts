import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from './raw-client.ts';
import { CLIENTS, connectClient, type SdkClient } from './sdk-clients.ts';
import { createTestApp, type TestApp } from './test-app.ts';

const require = createRequire(import.meta.url);
function program(name: string, ...args: string[]): { command: string; args: string[] } {
  const manifest = require.resolve(`@modelcontextprotocol/${name}/package.json`);
  const { bin } = require(manifest) as { bin: Record<string, string> };
  const [file] = Object.values(bin);
  return { command: process.execPath, args: [join(dirname(manifest), file ?? ''), ...args] };
}

const POLICY = `
permit(principal, action, resource);
@reason("files that look like secrets are closed")
forbid(principal, action in Action::"call", resource)
when { context.paths has path && context.paths.path.parts.contains(".env") };
forbid(principal, action == memory::Action::"delete_entities", resource);
`;

describe('the official servers, merged behind one endpoint', () => {
  let app: TestApp;
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'sallyport-files-'));
    await writeFile(join(root, 'hello.txt'), 'hello from a file');
    await writeFile(join(root, '.env'), 'TOKEN=do-not-read');
    app = await createTestApp({
      servers: {
        everything: program('server-everything', 'stdio'),
        filesystem: { ...program('server-filesystem', root), aliases: { read_text_file: 'read' } },
        memory: {
          ...program('server-memory'),
          env: { MEMORY_FILE_PATH: join(root, 'memory.jsonl') },
        },
      },
      policies: POLICY,
    });
  });
  afterAll(async () => {
    await app.close();
    await rm(root, { recursive: true, force: true });
  });

  describe.each(CLIENTS)('with the %s client', (kind) => {
    let client: SdkClient;
    beforeEach(async () => {
      client = await connectClient(kind, app.url(), app.token());
    });
    afterEach(() => client.close());

    it('serve their tools under names of their own, without what is forbidden for good', async () => {
      const tools = await client.tools();
      expect(tools).toEqual(
        expect.arrayContaining(['everything__echo', 'read', 'memory__read_graph']),
      );
      expect(tools).not.toContain('filesystem__read_text_file');
      expect(tools).not.toContain('memory__delete_entities');
      expect((await client.call('everything__echo', { message: 'größe' })).text).toContain('größe');
      expect((await client.call('read', { path: join(root, 'hello.txt') })).text).toContain(
        'hello from a file',
      );
      const entity = { name: `of ${kind}`, entityType: 'client', observations: ['was here'] };
      await client.call('memory__create_entities', { entities: [entity] });
      expect((await client.call('memory__read_graph')).text).toContain(`of ${kind}`);
    });

    it('never see what policy forbids', async () => {
      const secret = await client.call('read', { path: join(root, 'sub', '..', '.env') });
      expect(secret.isError).toBe(true);
      expect(secret.text).toContain('files that look like secrets are closed');
      expect(secret.text).not.toContain('do-not-read');
      await expect(
        client.call('memory__delete_entities', { entityNames: [`of ${kind}`] }),
      ).rejects.toThrow('Unknown tool: memory__delete_entities');
      await expect(client.call('memory__no_such_tool')).rejects.toThrow(
        'Unknown tool: memory__no_such_tool',
      );
    });

    it('report progress, ask a model, and serve prompts, resources and completions', async () => {
      const progress: number[] = [];
      await client.call(
        'everything__trigger-long-running-operation',
        { duration: 0.2, steps: 2 },
        { onProgress: (value) => void progress.push(value) },
      );
      expect(progress).toEqual([1, 2]);
      const args = { prompt: 'hi', maxTokens: 5 };
      const sampled = await client.call('everything__trigger-sampling-request', args);
      expect(sampled.text).toContain('sampled');
      const prompts = await client.prompts();
      expect(prompts).toContain('everything__simple-prompt');
      expect(await client.prompt('everything__simple-prompt')).toContain('text');
      const [uri] = await client.resources();
      expect(await client.read(uri ?? '')).toContain(uri);
      const dynamic = 'demo://resource/dynamic/text/1';
      await client.watch(dynamic);
      expect(await client.read(dynamic)).toContain(dynamic);
    });

    it('stop when the client cancels', async () => {
      const abort = new AbortController();
      let steps = 0;
      const call = client.call(
        'everything__trigger-long-running-operation',
        { duration: 600, steps: 6_000 },
        {
          signal: abort.signal,
          onProgress: () => {
            steps++;
            abort.abort();
          },
        },
      );
      await expect(call).rejects.toThrow();
      expect(steps).toBeGreaterThan(0);
      await until(async () =>
        (await app.records()).some(
          ({ type, effect, target }) =>
            type === 'outcome' &&
            effect === 'cancelled' &&
            target === 'trigger-long-running-operation',
        ),
      );
    });
  });
});
