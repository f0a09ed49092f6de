import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type HttpFixture, serveHttp } from '../fixtures/everything/serve-http.ts';
import { until } from './raw-client.ts';
import { type ScriptedServer, startScripted } from './scripted-http-server.ts';
import { CLIENTS, connectClient, type SdkClient } from './sdk-clients.ts';
import { createTestApp, type TestApp } from './test-app.ts';

const LONG = process.env['SALLYPORT_LONG'] === '1';

/** Every official client on a server of either era: what works without a gateway works through it. */
describe.each(['modern', 'legacy'] as const)('a %s server', (era) => {
  let fixture: HttpFixture;
  let hanging: ScriptedServer;
  let app: TestApp;
  const stops: number[] = [];
  let arrived = 0;
  beforeAll(async () => {
    fixture = await serveHttp({ port: 0, era });
    hanging = await startScripted({
      era,
      tools: {
        hang(call) {
          arrived++;
          call.cancelled.addEventListener('abort', () => stops.push(performance.now()));
        },
      },
    });
    app = await createTestApp({
      servers: {
        everything: { url: fixture.url, allowPrivate: true },
        hanging: hanging.entry,
      },
    });
  });
  afterAll(async () => {
    await app.close();
    await fixture.close();
    await hanging.close();
  });

  describe.each(CLIENTS)('and the %s client', (kind) => {
    let client: SdkClient;
    beforeEach(async () => {
      client = await connectClient(kind, app.url('everything'), app.token());
    });
    afterEach(() => client.close());

    it('lists, calls, reads, gets and completes', async () => {
      await client.ping();
      expect(await client.tools()).toContain('test_simple_text');
      expect((await client.call('test_simple_text')).isError).toBe(false);
      expect((await client.call('test_error_handling')).isError).toBe(true);
      expect((await client.call('test_multiple_content_types')).text).toContain('[image]');
      expect(await client.resources()).toContain('test://static-text');
      expect(await client.read('test://static-text')).toContain('static text resource');
      expect(await client.read('test://template/42/data')).toContain('42');
      expect(await client.prompts()).toContain('test_simple_prompt');
      expect(await client.prompt('test_simple_prompt')).toContain('text');
      expect(await client.complete('test_prompt_with_arguments', 'arg1', 'pari')).toEqual([
        'paris',
      ]);
      await expect(client.call('no_such_tool')).rejects.toThrow('Unknown tool');
      await expect(client.read('test://nowhere')).rejects.toThrow();
    });

    it('gets progress and log messages of its call, in order', async () => {
      const progress: number[] = [];
      const options = { onProgress: (value: number) => void progress.push(value) };
      await client.call('test_tool_with_progress', {}, options);
      expect(progress).toEqual([0, 50, 100]);
      await client.call('test_tool_with_logging', {}, { logLevel: 'info' });
      await until(() => client.events.length >= 3);
      expect(client.events).toEqual([
        'log "Tool execution started"',
        'log "Tool processing data"',
        'log "Tool execution completed"',
      ]);
    });

    it('answers what the server asks in mid-call', async () => {
      const elicited = await client.call('test_elicitation', { message: 'who?' });
      expect(elicited.text).toContain('ada');
      const sampled = await client.call('test_sampling', { prompt: 'say' });
      expect(sampled.text).toContain('sampled');
      const rooted = await client.call('test_input_required_result_list_roots');
      expect(rooted.text).toContain('file:///srv/ada');
      const twice = await client.call('test_input_required_result_multi_round');
      expect(twice.text).toContain('ada likes red');
      expect(new Set(client.asked)).toEqual(
        new Set(['elicitation/create', 'sampling/createMessage', 'roots/list']),
      );
    });

    it('hears of changed lists and of the resource it watches', async () => {
      await client.watch('test://watched-resource');
      await client.call('test_trigger_tool_change');
      await client.call('test_trigger_prompt_change');
      await client.call('test_trigger_resource_update');
      await until(
        () =>
          client.events.includes('tools changed') &&
          client.events.includes('prompts changed') &&
          client.events.includes('updated test://watched-resource'),
      );
    });

    it('stops the server when it cancels', async () => {
      const other = await connectClient(kind, app.url('hanging'), app.token());
      const took: number[] = [];
      for (let round = 0; round < (LONG ? 20 : 3); round++) {
        const before = stops.length;
        const seen = arrived;
        const abort = new AbortController();
        const call = other.call('hang', {}, { signal: abort.signal });
        await until(() => arrived > seen);
        const start = performance.now();
        abort.abort();
        await expect(call).rejects.toThrow();
        await until(() => stops.length > before);
        took.push((stops.at(-1) ?? 0) - start);
      }
      await other.close();
      // The acceptance bar; only in the long run, since a busy machine says nothing about the gateway.
      const median = took.toSorted((a, b) => a - b)[took.length >> 1] ?? 0;
      if (LONG) expect(median).toBeLessThan(100);
    });
  });
});
