import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, legacyClient, modernClient, until } from './raw-client.ts';
import { echo, type ScriptedServer, startScripted, type Tool } from './scripted-http-server.ts';
import { createTestApp, type TestApp } from './test-app.ts';

const STDIO = fileURLToPath(new URL('./misbehaving-stdio-server.mjs', import.meta.url));

/** Writes these very bytes as the answer. */
const bytes =
  (make: (id: string) => string | Buffer, type = 'application/json', status = 200): Tool =>
  (call) => {
    call.response.writeHead(status, { 'content-type': type, location: 'http://127.0.0.1:1/' });
    call.response.end(make(JSON.stringify(call.id)));
  };
const result = (id: string, members: string): string =>
  `{"jsonrpc":"2.0","id":${id},"result":{"resultType":"complete","content":[],${members}}}`;

let stopped = 0;
const TOOLS: Record<string, Tool> = {
  hang: (call) => call.cancelled.addEventListener('abort', () => stopped++),
  hang_streaming(call) {
    call.cancelled.addEventListener('abort', () => stopped++);
    call.send({ method: 'notifications/message', params: { level: 'info', data: 'x' } });
  },
  drop: (call) => void call.response.destroy(),
  drop_streaming(call) {
    call.send({ method: 'notifications/message', params: { level: 'info', data: 'x' } });
    setImmediate(() => call.response.destroy());
  },
  deep: bytes((id) => result(id, `"a":${'['.repeat(5000)}${']'.repeat(5000)}`)),
  duplicate_keys: bytes((id) => result(id, '"a":1,"a":2')),
  bad_utf8: bytes((id) =>
    Buffer.concat([
      Buffer.from(result(id, '"a":"').slice(0, -2)),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}}'),
    ]),
  ),
  lone_surrogate: bytes((id) => result(id, '"a":"\\ud800"')),
  oversized: bytes((id) => result(id, `"a":"${'x'.repeat(17 * 1024 * 1024)}"`)),
  oversized_event: bytes(
    (id) => `data: ${result(id, `"a":"${'x'.repeat(17 * 1024 * 1024)}"`)}\n\n`,
    'text/event-stream',
  ),
  truncated: bytes((id) => result(id, '"a":1').slice(0, -3)),
  html: bytes(() => '<html>login</html>', 'text/html'),
  failing: bytes(() => 'oops', 'text/plain', 500),
  redirect: bytes(() => '', 'text/plain', 307),
  empty: bytes(() => ''),
  wrong_id: bytes(() => result('987654', '"a":1')),
  wrong_type: bytes((id) => `{"jsonrpc":"2.0","id":${id},"result":"text"}`),
  both: bytes((id) => `{"jsonrpc":"2.0","id":${id},"result":{},"error":{"code":1,"message":"x"}}`),
  noise(call) {
    call.send({ id: 987_654, result: { content: [{ type: 'text', text: 'not yours' }] } });
    call.send({ method: 'notifications/tools/list_changed' });
    call.text('first answer');
  },
  flood(call) {
    for (let i = 0; i < 10_000; i++)
      call.send({ method: 'notifications/message', params: { level: 'debug', data: i } });
    call.text('flooded');
  },
  good: (call) => call.text('good'),
};

const CODES: Record<string, string> = {
  hang: 'GW_UPSTREAM_TIMEOUT',
  hang_streaming: 'GW_UPSTREAM_TIMEOUT',
  drop: 'GW_UPSTREAM_LOST',
  drop_streaming: 'GW_UPSTREAM_LOST',
  deep: 'GW_UPSTREAM_PROTOCOL',
  duplicate_keys: 'GW_UPSTREAM_PROTOCOL',
  bad_utf8: 'GW_UPSTREAM_PROTOCOL',
  lone_surrogate: 'GW_UPSTREAM_PROTOCOL',
  oversized: 'GW_UPSTREAM_TOO_LARGE',
  oversized_event: 'GW_UPSTREAM_TOO_LARGE',
  truncated: 'GW_UPSTREAM_PROTOCOL',
  html: 'GW_UPSTREAM_PROTOCOL',
  failing: 'GW_UPSTREAM_UNAVAILABLE',
  redirect: 'GW_UPSTREAM_UNAVAILABLE',
  empty: 'GW_UPSTREAM_PROTOCOL',
  wrong_id: 'GW_UPSTREAM_PROTOCOL',
  wrong_type: 'GW_UPSTREAM_PROTOCOL',
  both: 'GW_UPSTREAM_PROTOCOL',
};

const STDIO_CODES: Record<string, string> = {
  hang: 'GW_UPSTREAM_TIMEOUT',
  crash: 'GW_UPSTREAM_LOST',
  deep: 'GW_UPSTREAM_PROTOCOL',
  duplicate_keys: 'GW_UPSTREAM_PROTOCOL',
  bad_utf8: 'GW_UPSTREAM_PROTOCOL',
  oversized: 'GW_UPSTREAM_TOO_LARGE',
  no_result: 'GW_UPSTREAM_PROTOCOL',
};

describe('servers that break the protocol', () => {
  let app: TestApp;
  const servers: Record<string, ScriptedServer> = {};
  beforeAll(async () => {
    servers['modern'] = await startScripted({ era: 'modern', tools: TOOLS });
    servers['legacy'] = await startScripted({ era: 'legacy', tools: TOOLS });
    servers['neighbour'] = await startScripted({ era: 'modern', tools: { echo } });
    const entry = (name: string): object => servers[name]?.entry ?? {};
    const stdio = { command: process.execPath, args: [STDIO] };
    // The same servers once more, given up on soon: for calls that are never answered, and for nothing else.
    const soon = { timeout: '300ms' };
    app = await createTestApp({
      servers: {
        modern: entry('modern'),
        'modern-soon': { ...entry('modern'), ...soon },
        legacy: entry('legacy'),
        'legacy-soon': { ...entry('legacy'), ...soon },
        neighbour: entry('neighbour'),
        stdio,
        'stdio-soon': { ...stdio, ...soon },
      },
      policies: `permit(principal, action, resource) unless { action == Action::"sampling" };`,
    });
  });
  afterAll(async () => {
    await app.close();
    for (const server of Object.values(servers)) await server.close();
  });

  /** The answer names the fault, the record has it, and the neighbour works all the while. */
  async function expectFault(
    name: string,
    code: string,
    call: () => Promise<Answer>,
  ): Promise<void> {
    const neighbour = modernClient(app.url('neighbour'), app.token());
    const [answer, beside] = await Promise.all([
      call(),
      neighbour.call('echo', { text: 'unharmed' }),
    ]);
    expect([name, answer.error?.data?.['code']]).toEqual([name, code]);
    expect(answer.error?.code).toBe(-32603);
    expect(beside.text).toContain('unharmed');
    await until(async () => {
      const last = (await app.records()).findLast(
        ({ type, target }) => type === 'outcome' && target === name,
      );
      return last !== undefined && ['fault', 'error'].includes(last.effect ?? '');
    });
  }

  describe.each(['modern', 'legacy'])('a %s server over HTTP', (name) => {
    it.each(Object.entries(CODES))('%s: %s', async (tool, code) => {
      const url = app.url(tool.startsWith('hang') ? `${name}-soon` : name);
      await expectFault(tool, code, () => modernClient(url, app.token()).call(tool));
      const legacy = await legacyClient(url, app.token());
      await expectFault(tool, code, () => legacy.call(tool));
      const good = await modernClient(app.url(name), app.token()).call('good');
      expect(good.text).toContain('"good"');
    });

    it('is told that a call that took too long is over', async () => {
      const before = stopped;
      await modernClient(app.url(`${name}-soon`), app.token()).call('hang');
      await until(() => stopped > before);
    });

    it('can not confuse anybody with strange or too many messages', async () => {
      const modern = modernClient(app.url(name), app.token());
      const noise = await modern.call('noise');
      expect(noise.text).toContain('first answer');
      expect(noise.text).not.toContain('not yours');
      const flood = await modern.call('flood');
      expect(flood.text).toContain('flooded');
      expect((await modern.call('good')).text).toContain('good');
    });
  });

  describe('a server over stdio', () => {
    it.each(Object.entries(STDIO_CODES))('%s: %s', async (tool, code) => {
      const modern = modernClient(app.url('stdio'), app.token());
      // A server that just died is restarted with a pause.
      await until(async () => (await modern.call('good')).text.includes('"good"'));
      const soon = modernClient(app.url('stdio-soon'), app.token());
      await expectFault(tool, code, () => (tool === 'hang' ? soon : modern).call(tool));
    });

    it('is told of cancelled calls, and can not confuse anybody', async () => {
      const modern = modernClient(app.url('stdio'), app.token());
      await until(async () => (await modern.call('good')).text.includes('"good"'));
      const soon = modernClient(app.url('stdio-soon'), app.token());
      await soon.call('hang');
      await until(async () => /cancelled [1-9]/.test((await soon.call('cancelled')).text));
      const noise = await modern.call('noise');
      expect(noise.text).toContain('first answer');
      expect(noise.text).not.toContain('nobody');
      expect((await modern.call('unsolicited')).text).toContain('asked');
      expect((await modern.call('flood')).text).toMatch(/flooded|GW_UPSTREAM/);
      await until(async () => (await modern.call('good')).text.includes('"good"'));
    });
  });

  it('a list that changes in between is read anew, on the merged endpoint too, and a dead server costs only its own tools', async () => {
    const merged = modernClient(app.url(), app.token());
    const names = async (): Promise<string> => (await merged.request('tools/list')).text;
    expect(await names()).toContain('"neighbour__echo"');
    const listen = await merged.listen({ toolsListChanged: true });
    await until(() => (servers['neighbour']?.streams() ?? 0) > 0);
    const neighbour = servers['neighbour'];
    if (neighbour === undefined) throw new Error('no neighbour');
    neighbour.tools = { other: echo };
    neighbour.announce('notifications/tools/list_changed');
    await listen.next(({ method }) => method === 'notifications/tools/list_changed');
    await until(async () => (await names()).includes('"neighbour__other"'));
    expect((await merged.call('neighbour__other', { text: 'new' })).text).toContain('new');
    expect((await merged.call('neighbour__echo', { text: 'old' })).error?.code).toBe(-32602);
    listen.close();
    await neighbour.close();
    const list = await names();
    expect(list).toContain('"modern__good"');
    expect((await merged.call('neighbour__other', { text: 'x' })).error?.data?.['code']).toMatch(
      /^GW_UPSTREAM_(UNAVAILABLE|LOST)$/,
    );
    expect((await merged.call('legacy__good')).text).toContain('good');
  });
});
