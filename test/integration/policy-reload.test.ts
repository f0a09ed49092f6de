import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type LegacyClient, legacyClient, modernClient, type Stream, until } from './raw-client.ts';
import { echo, hang, type ScriptedServer, startScripted } from './scripted-http-server.ts';
import { createTestApp, PERMIT_ALL, type TestApp } from './test-app.ts';

const FORBID_ECHO = `${PERMIT_ALL}
@reason("frozen")
forbid(principal, action == s::Action::"echo", resource);
forbid(principal, action == Action::"resource", resource) when { resource.uri like "test://secret/*" };
forbid(principal == Agent::"shut", action == Action::"listen", resource);
`;
const changed = (list: string) => (message: { method?: string }) =>
  message.method === `notifications/${list}/list_changed`;

describe.each(['modern', 'legacy'] as const)('in front of a %s server', (era) => {
  let server: ScriptedServer;
  let app: TestApp;
  const closing: Array<() => unknown> = [];
  beforeAll(async () => {
    server = await startScripted({
      era,
      tools: { echo, hang },
      resources: ['test://secret/1', 'test://open/1'],
    });
    app = await createTestApp({
      servers: { s: server.entry },
      agents: ['watcher', 'doomed', 'shut'],
    });
  });
  beforeEach(async () => {
    await setPolicy(PERMIT_ALL);
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  afterAll(async () => {
    await app.close();
    await server.close();
  });

  async function setPolicy(text: string): Promise<void> {
    const before = app.app.policy.version();
    await app.writePolicy(text);
    const report = await app.app.policy.check();
    if (report.version !== before) await until(() => app.app.policy.version() !== before);
    await app.app.policy.idle();
  }
  async function streams(agent: string): Promise<{
    legacy: LegacyClient;
    pushed: Stream;
    listened: Stream;
  }> {
    const legacy = await legacyClient(app.url('s'), app.token(agent));
    const pushed = await legacy.stream();
    const listened = await modernClient(app.url('s'), app.token(agent)).listen({
      toolsListChanged: true,
      resourceSubscriptions: ['test://secret/1', 'test://open/1'],
    });
    for (const uri of ['test://secret/1', 'test://open/1'])
      expect((await legacy.request('resources/subscribe', { uri })).result).toEqual({});
    closing.push(pushed.close, listened.close);
    await listened.next(({ method }) => method === 'notifications/subscriptions/acknowledged');
    return { legacy, pushed, listened };
  }

  it('a changed policy file changes decisions and lists, and tells every open stream', async () => {
    const { legacy, pushed, listened } = await streams('watcher');
    const modern = modernClient(app.url('s'), app.token('watcher'));
    const tools = async (): Promise<string> => (await modern.request('tools/list')).text;
    expect(await tools()).toContain('"echo"');
    expect((await modern.call('echo', { text: 'before' })).text).toContain('before');
    await app.writePolicy(FORBID_ECHO);
    await Promise.all([pushed.next(changed('tools')), listened.next(changed('tools'))]);
    expect(await tools()).not.toContain('"echo"');
    const sent = server.calls().length;
    for (const client of [modern, legacy]) {
      const answer = await client.call('echo', { text: 'after' });
      expect(answer.error?.message).toBe('Unknown tool: echo');
    }
    expect(server.calls()).toHaveLength(sent);
  });

  it('news of a resource ends with the right to read it, on streams that were open before', async () => {
    const { pushed, listened } = await streams('watcher');
    const update = (uri: string): void =>
      server.announce('notifications/resources/updated', { uri });
    const of = (uri: string) => (message: { params?: Record<string, unknown> }) =>
      message.params?.['uri'] === uri;
    const both = (uri: string): Promise<unknown> =>
      Promise.all([pushed.next(of(uri)), listened.next(of(uri))]);
    await until(() => server.streams() >= 1);
    update('test://secret/1');
    await both('test://secret/1');
    await setPolicy(FORBID_ECHO);
    const before = [pushed.messages.length, listened.messages.length];
    update('test://secret/1');
    update('test://open/1');
    await both('test://open/1');
    const late = [...pushed.messages.slice(before[0]), ...listened.messages.slice(before[1])];
    expect(late.filter(of('test://secret/1'))).toEqual([]);
  });

  it('who may not listen is refused, and the refusal is recorded', async () => {
    await setPolicy(FORBID_ECHO);
    const answer = await modernClient(app.url('s'), app.token('shut')).request(
      'subscriptions/listen',
      { notifications: { toolsListChanged: true } },
    );
    expect(answer.error).toMatchObject({ code: 1403, data: { code: 'DENIED', effect: 'deny' } });
    const records = await app.records();
    expect(records.findLast(({ method }) => method === 'subscriptions/listen')).toMatchObject({
      type: 'decision',
      effect: 'deny',
      actor: { agent: 'shut' },
    });
  });

  it('a broken file leaves the last good policies in force, and is recorded', async () => {
    await setPolicy(FORBID_ECHO);
    const { version } = app.app.policy.status();
    const loads = async (): Promise<number> =>
      (await app.records()).filter(({ detail }) => String(detail?.['reason']).startsWith('refused'))
        .length;
    const before = await loads();
    await app.writePolicy('permit(principal, action, resource');
    await until(async () => (await loads()) > before);
    expect(app.app.policy.status().version).toBe(version);
    const modern = modernClient(app.url('s'), app.token('watcher'));
    expect((await modern.call('echo', { text: 'x' })).error?.message).toBe('Unknown tool: echo');
    expect((await modern.request('resources/read', { uri: 'test://open/1' })).text).toContain(
      'content of',
    );
  });

  it('revoking an agent cuts its streams and calls, and its next request is refused', async () => {
    const { legacy, pushed, listened } = await streams('doomed');
    const other = await streams('watcher');
    const modern = modernClient(app.url('s'), app.token('doomed'));
    const before = server.calls().length;
    const running = modern.call('hang').catch((error: Error) => error);
    const legacyRunning = legacy.call('hang').catch((error: Error) => error);
    await until(() => server.calls().length === before + 2);
    await app.revoke('doomed');
    await Promise.all([running, legacyRunning, pushed.ended, listened.ended]);
    expect((await modern.call('echo', { text: 'x' })).status).toBe(401);
    expect((await legacy.call('echo', { text: 'x' })).status).toBe(401);
    expect(server.calls()).toHaveLength(before + 2);
    expect((await other.legacy.call('echo', { text: 'still here' })).text).toContain('still here');
  });
});
