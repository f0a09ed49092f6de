import { afterEach, describe, expect, it } from 'vitest';
import { diskError, faultyFs } from '../../src/audit/testing/rig.ts';
import { legacyClient, modernClient } from './raw-client.ts';
import { echo, type ScriptedServer, startScripted } from './scripted-http-server.ts';
import { createTestApp, type TestApp } from './test-app.ts';

const closing: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(): Promise<{ app: TestApp; server: ScriptedServer; disk: { full: boolean } }> {
  const disk = { full: false };
  const server = await startScripted({
    era: 'modern',
    tools: { echo },
    resources: ['test://a'],
    prompts: ['p'],
  });
  closing.push(server.close);
  const app = await createTestApp({
    servers: { s: server.entry },
    auditFs: faultyFs({
      before: (operation) => {
        if (disk.full && operation !== 'open') throw diskError('ENOSPC');
      },
    }),
  });
  closing.push(app.close);
  return { app, server, disk };
}

describe('when the record can not be written', () => {
  it('nothing is forwarded, and every request that needs a record is refused with GW_NOT_RECORDED', async () => {
    const { app, server, disk } = await start();
    const modern = modernClient(app.url('s'), app.token());
    const legacy = await legacyClient(app.url('s'), app.token());
    expect((await modern.call('echo', { text: 'hi' })).result?.['content']).toBeDefined();
    expect((await legacy.call('echo', { text: 'hi' })).result?.['content']).toBeDefined();
    const before = server.received.length;
    disk.full = true;
    const requests: Array<[string, Record<string, unknown>]> = [
      ['tools/call', { name: 'echo', arguments: { text: 'no' } }],
      ['tools/list', {}],
      ['resources/list', {}],
      ['resources/read', { uri: 'test://a' }],
      ['prompts/get', { name: 'p' }],
      [
        'completion/complete',
        { ref: { type: 'ref/prompt', name: 'p' }, argument: { name: 'a', value: '' } },
      ],
      ['subscriptions/listen', { notifications: { toolsListChanged: true } }],
      ['tasks/get', { taskId: 'x' }],
      ['vendor/other', {}],
    ];
    for (const [method, params] of requests) {
      const answer = await modern.request(method, params);
      expect([method, answer.error?.data?.['code']]).toEqual([method, 'GW_NOT_RECORDED']);
      expect([method, answer.status]).toEqual([method, 503]);
      expect(answer.text).not.toContain('ENOSPC');
    }
    for (const [method, params] of requests.slice(0, 6)) {
      const answer = await legacy.request(method, params);
      expect([method, answer.error?.data?.['code']]).toEqual([method, 'GW_NOT_RECORDED']);
    }
    const forwarded = server.received
      .slice(before)
      .filter(({ method }) => !method.endsWith('/list'))
      .map(({ method }) => method);
    expect(forwarded).toEqual([]);
    await expect(legacyClient(app.url('s'), app.token())).rejects.toThrow('GW_NOT_RECORDED');
    const ready = await fetch(new URL('/readyz', app.url()));
    expect(ready.status).toBe(503);
  });
});
