import { afterEach, describe, expect, it } from 'vitest';
import type { RawJson } from '../model.ts';
import {
  failure,
  type HttpFixture,
  json,
  legacy,
  modern,
  openSse,
  result,
  type Script,
  startHttp,
} from './fixtures/http-fixture.ts';
import {
  createRig,
  http,
  LEGACY_CLIENT,
  MODERN_CLIENT,
  type Rig,
  request,
  tool,
  until,
} from './fixtures/rig.ts';
import type { UpstreamLimits } from './limits.ts';

const open: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function start(
  script: Script,
  limits: Partial<UpstreamLimits> = {},
  config: Parameters<typeof http>[1] = {},
): Promise<{ server: HttpFixture; rig: Rig }> {
  const server = await startHttp(script);
  open.push(() => server.close());
  const rig = createRig(http(server.url, config), limits);
  open.push(() => rig.pool.close());
  return { server, rig };
}
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error) => error.code,
  );
const echo: Script = ({ body }, response) =>
  body === undefined
    ? json(response, 200, '')
    : json(response, 200, result(body.id, { method: body.method }));

describe('a modern HTTP upstream', () => {
  it('gets envelope and headers rebuilt from the message, configured headers last, no credential of the caller', async () => {
    const { server, rig } = await start(
      modern(echo),
      {},
      { headers: { Authorization: 'Bearer ours', 'X-Key': 'k' } },
    );
    const connection = await rig.connect({ client: MODERN_CLIENT });
    expect(connection.info).toMatchObject({
      era: 'modern',
      serverInfo: '{"name":"m"}',
      instructions: 'be kind',
    });
    const answer = await connection.request(
      tool(
        'größe',
        { region: 'eu' },
        {
          client: MODERN_CLIENT,
          extraHeaders: {
            traceparent: '00-1-2-01',
            authorization: 'Bearer theirs',
            Cookie: 'c',
            'mcp-name': 'evil',
            'x-key': 'theirs',
            'x-bad': 'a\r\nb: c',
          },
          paramHeaders: { 'mcp-param-region': 'eu', note: ' edge ' },
        },
      ),
    );
    expect(answer).toEqual({ kind: 'result', result: '{"method":"tools/call"}' });
    const { headers, body } = server.seen.at(-1)!;
    expect(headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': '=?base64?Z3LDtsOfZQ==?=',
      'mcp-param-region': 'eu',
      'mcp-param-note': '=?base64?IGVkZ2Ug?=',
      traceparent: '00-1-2-01',
      authorization: 'Bearer ours',
      'x-key': 'k',
    });
    expect(headers).not.toHaveProperty('cookie');
    expect(headers).not.toHaveProperty('x-bad');
    expect(headers).not.toHaveProperty('mcp-session-id');
    expect(body.params._meta['io.modelcontextprotocol/clientInfo']).toEqual({
      name: 'rig',
      version: '1',
    });
    await connection.request(request('resources/read', { uri: 'a:1' }));
    expect(server.seen.at(-1)!.headers['mcp-name']).toBe('a:1');
    await connection.request(request('tasks/get', { taskId: 't1' }));
    expect(server.seen.at(-1)!.headers['mcp-name']).toBe('t1');
  });

  it('answers with the bytes of the server, errors in 4xx bodies included', async () => {
    const { rig } = await start(
      modern(({ body }, response) => {
        if (body.params.name === 'exact') {
          return json(
            response,
            200,
            `{"jsonrpc":"2.0","id":${body.id},"result":{ "n":9007199254740993 }}`,
          );
        }
        json(response, 404, failure(body.id, -32601));
      }),
    );
    const connection = await rig.connect();
    expect(await connection.request(tool('exact'))).toEqual({
      kind: 'result',
      result: '{ "n":9007199254740993 }',
    });
    expect(await connection.request(tool('other'))).toEqual({
      kind: 'error',
      error: '{"code":-32601,"message":"no"}',
    });
  });

  it('delivers notifications of a stream in order, then the answer', async () => {
    const { rig } = await start(
      modern(({ body }, response) => {
        const send = openSse(response);
        for (let progress = 1; progress <= 3; progress++) {
          send({
            jsonrpc: '2.0',
            method: 'notifications/progress',
            params: { progressToken: 'p', progress },
          });
        }
        send(result(body.id, { done: true }));
        response.end();
      }),
    );
    const connection = await rig.connect();
    const call = tool('x');
    expect(await connection.request(call)).toEqual({ kind: 'result', result: '{"done":true}' });
    expect(call.notes.map((note) => (note.params as { progress: number }).progress)).toEqual([
      1, 2, 3,
    ]);
  });

  it('closes the stream when the caller aborts, and sends no cancellation message', async () => {
    let closed = false;
    const { server, rig } = await start(
      modern((_seen, response) => {
        openSse(response);
        response.on('close', () => {
          closed = true;
        });
      }),
    );
    const connection = await rig.connect();
    const abort = new AbortController();
    const call = connection.request(tool('x', {}, { signal: abort.signal }));
    await until(() => server.log().includes('POST tools/call'));
    abort.abort();
    expect(await code(call)).toBe('GW_CANCELLED');
    await until(() => closed);
    expect(server.log()).toEqual(['POST server/discover', 'POST tools/call']);
  });

  it('listens with acknowledgement and hears of changes until closed', async () => {
    let closed = false;
    const { rig } = await start(
      modern(({ body }, response) => {
        const send = openSse(response);
        const stamp = { _meta: { 'io.modelcontextprotocol/subscriptionId': body.id } };
        const notify = (method: string, params: object) =>
          send({ jsonrpc: '2.0', method, params: { ...params, ...stamp } });
        notify('notifications/tools/list_changed', {});
        notify('notifications/subscriptions/acknowledged', {
          notifications: { toolsListChanged: true },
        });
        notify('notifications/tools/list_changed', {});
        response.on('close', () => {
          closed = true;
        });
      }),
    );
    const mine = await rig.connect({ client: MODERN_CLIENT });
    const theirs = await rig.connect({ client: MODERN_CLIENT, agentId: 'agt_b' });
    const notes: string[] = [];
    const leaked: string[] = [];
    mine.onNotification((method, params) => notes.push(`${method} ${params}`));
    theirs.onNotification((method) => leaked.push(method));
    const filter = '{"toolsListChanged":true,"promptsListChanged":true}' as RawJson;
    const listener = await mine.listen(filter, MODERN_CLIENT, new AbortController().signal);
    expect(listener.acknowledged).toBe('{"toolsListChanged":true}');
    await until(() => notes.length > 0);
    expect(notes).toEqual(['notifications/tools/list_changed {}']);
    expect(leaked).toEqual([]);
    expect(rig.faults.map((fault) => fault.kind)).toEqual(['unexpected_message']);
    listener.close();
    await until(() => closed);
  });

  it('is not waited for longer than the deadline of the acknowledgement', async () => {
    const { rig } = await start(
      modern((_seen, response) => void openSse(response)),
      { acknowledgeMs: 60 },
    );
    const connection = await rig.connect();
    const listening = connection.listen(
      '{}' as RawJson,
      MODERN_CLIENT,
      new AbortController().signal,
    );
    expect(await code(listening)).toBe('GW_UPSTREAM_TIMEOUT');
  });

  it('has a broken listen stream opened again, and missed changes made up for', async () => {
    let streams = 0;
    const { rig } = await start(
      modern((_seen, response) => {
        const send = openSse(response);
        streams++;
        send({
          jsonrpc: '2.0',
          method: 'notifications/subscriptions/acknowledged',
          params: { notifications: { toolsListChanged: true, resourceSubscriptions: ['a:1'] } },
        });
        if (streams === 1) setTimeout(() => response.destroy(), 20);
      }),
    );
    const connection = await rig.connect();
    const notes: string[] = [];
    connection.onNotification((method) => notes.push(method));
    const abort = new AbortController();
    await connection.listen('{"toolsListChanged":true}' as RawJson, MODERN_CLIENT, abort.signal);
    await until(() => notes.length === 2);
    expect(notes).toEqual(['notifications/tools/list_changed', 'notifications/resources/updated']);
    expect(streams).toBe(2);
    abort.abort();
  });
});

describe('a legacy HTTP upstream', () => {
  it('is initialized with the client’s capabilities and called within its session', async () => {
    const { server, rig } = await start(legacy(echo));
    const connection = await rig.connect({ sessionId: 'ses_1' });
    await connection.request(tool('x', {}, { paramHeaders: { region: 'eu' } }));
    expect(server.log()).toEqual([
      'POST server/discover',
      'POST initialize',
      'POST notifications/initialized',
      'POST tools/call',
    ]);
    const [, initialize, initialized, call] = server.seen;
    expect(initialize!.body.params).toEqual({
      protocolVersion: '2025-11-25',
      capabilities: { sampling: {}, elicitation: {}, roots: {} },
      clientInfo: { name: 'rig', version: '1' },
    });
    for (const one of [initialized, call]) {
      expect(one!.headers).toMatchObject({
        'mcp-session-id': 'session-1',
        'mcp-protocol-version': '2025-11-25',
      });
    }
    expect(call!.headers).not.toHaveProperty('mcp-method');
    expect(call!.headers).not.toHaveProperty('mcp-param-region');
    expect(call!.body.params).not.toHaveProperty('_meta');
  });

  it('gives every client session and every principal a session of its own, and ends it with the client’s', async () => {
    const { server, rig } = await start(legacy(echo));
    const one = await rig.connect({ sessionId: 'ses_1' });
    const again = await rig.connect({ sessionId: 'ses_1' });
    const two = await rig.connect({ sessionId: 'ses_2' });
    const other = await rig.connect({ sessionId: 'ses_1', agentId: 'agt_b' });
    expect(again).toBe(one);
    expect(new Set([one, two, other]).size).toBe(3);
    rig.pool.releaseSession('ses_2');
    await until(() => server.log().includes('DELETE'));
    expect(server.seen.at(-1)!.headers['mcp-session-id']).toBe('session-2');
    expect(await code(two.request(tool('x')))).toBe('GW_UPSTREAM_UNAVAILABLE');
    expect(await code(one.request(tool('x')))).toBe('resolved');
  });

  it('shares one connect between callers of the same key', async () => {
    const { server, rig } = await start(legacy(echo));
    const all = await Promise.all(Array.from({ length: 20 }, () => rig.connect()));
    expect(new Set(all).size).toBe(1);
    expect(server.log().filter((one) => one === 'POST initialize')).toHaveLength(1);
    expect(server.log().filter((one) => one === 'POST server/discover')).toHaveLength(1);
  });

  it('is initialized again once when it forgot the session, and the call sent again', async () => {
    let restarted = false;
    const { server, rig } = await start(
      legacy((seen, response) => {
        if (seen.headers['mcp-session-id'] === 'session-1' && restarted) {
          return json(response, 404, failure(null, -32001));
        }
        echo(seen, response);
      }),
    );
    const connection = await rig.connect();
    await connection.request(request('logging/setLevel', { level: 'error' }));
    restarted = true;
    const answers = await Promise.all([tool('a'), tool('b')].map((one) => connection.request(one)));
    expect(answers.map((answer) => answer.kind)).toEqual(['result', 'result']);
    expect(server.log().filter((one) => one === 'POST initialize')).toHaveLength(2);
    await until(() => server.log().filter((one) => one === 'POST logging/setLevel').length === 2);
  });

  it('that keeps forgetting the session is not asked a third time', async () => {
    const { server, rig } = await start(
      legacy((_seen, response) => json(response, 404, failure(null, -32001))),
    );
    const connection = await rig.connect();
    expect(await code(connection.request(tool('x')))).toBe('GW_UPSTREAM_UNAVAILABLE');
    expect(server.log().filter((one) => one === 'POST tools/call')).toHaveLength(2);
  });

  it('may ask the client on the stream of the call', async () => {
    let finish: ((text: unknown) => void) | undefined;
    const { server, rig } = await start(
      legacy(({ body }, response) => {
        if (body?.method === 'tools/call') {
          const send = openSse(response);
          send({
            jsonrpc: '2.0',
            id: 'q1',
            method: 'elicitation/create',
            params: { message: 'sure?' },
          });
          finish = (answer) => {
            send(result(body.id, answer));
            response.end();
          };
          return;
        }
        response.writeHead(202).end();
        if (body?.id === 'q1') finish?.(body.result);
      }),
    );
    const connection = await rig.connect();
    const asked: unknown[] = [];
    const call = tool(
      'x',
      {},
      {
        onRequest: async (method, params) => {
          asked.push(method, params);
          return { result: '{"action":"accept"}' as RawJson };
        },
      },
    );
    expect(await connection.request(call)).toEqual({
      kind: 'result',
      result: '{"action":"accept"}',
    });
    expect(asked).toEqual(['elicitation/create', '{"message":"sure?"}']);
    expect(server.seen.find((one) => one.body?.id === 'q1')!.headers['mcp-session-id']).toBe(
      'session-1',
    );
  });

  it('may close the stream and have it continued with Last-Event-ID', async () => {
    const { server, rig } = await start(
      legacy((seen, response) => {
        if (seen.verb === 'GET') {
          const send = openSse(response);
          send(
            { jsonrpc: '2.0', method: 'notifications/message', params: { data: 'two' } },
            'id: 2\n',
          );
          send(result(1, { resumed: true }), 'id: 3\n');
          return response.end();
        }
        const send = openSse(response);
        send(
          { jsonrpc: '2.0', method: 'notifications/message', params: { data: 'one' } },
          'id: 1\nretry: 10\n',
        );
        response.end();
      }),
    );
    const connection = await rig.connect();
    const call = tool('x');
    expect(await connection.request(call)).toEqual({ kind: 'result', result: '{"resumed":true}' });
    expect(call.notes.map((note) => note.params)).toEqual([{ data: 'one' }, { data: 'two' }]);
    expect(server.seen.at(-1)).toMatchObject({
      verb: 'GET',
      headers: { 'last-event-id': '1', 'mcp-session-id': 'session-1', accept: 'text/event-stream' },
    });
  });

  it('that breaks the stream without event ids loses the call', async () => {
    const { rig } = await start(
      legacy((_seen, response) => {
        openSse(response)({ jsonrpc: '2.0', method: 'notifications/message', params: {} });
        setTimeout(() => response.destroy(), 20);
      }),
    );
    expect(await code((await rig.connect()).request(tool('x')))).toBe('GW_UPSTREAM_LOST');
  });

  it('is told when a call is cancelled', async () => {
    const { server, rig } = await start(
      legacy(({ body }, response) => {
        if (body.method === 'tools/call') openSse(response);
        else response.writeHead(202).end();
      }),
    );
    const connection = await rig.connect();
    const abort = new AbortController();
    const call = connection.request(tool('x', {}, { signal: abort.signal }));
    await until(() => server.log().includes('POST tools/call'));
    abort.abort();
    expect(await code(call)).toBe('GW_CANCELLED');
    await until(() => server.log().includes('POST notifications/cancelled'));
    expect(server.seen.at(-1)!.body.params.requestId).toBe(1);
  });

  it('has its GET stream opened for those who listen, with subscriptions per URI', async () => {
    let push: ((data: unknown) => void) | undefined;
    const { server, rig } = await start(
      legacy((seen, response) => {
        if (seen.verb === 'GET') push = openSse(response);
        else if (seen.body.id === undefined) response.writeHead(202).end();
        else echo(seen, response);
      }),
    );
    const connection = await rig.connect();
    const notes: string[] = [];
    connection.onNotification((method, params) => notes.push(`${method} ${params}`));
    const filter =
      '{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["a:1"]}' as RawJson;
    const listener = await connection.listen(filter, MODERN_CLIENT, new AbortController().signal);
    expect(listener.acknowledged).toBe('{"toolsListChanged":true,"resourceSubscriptions":["a:1"]}');
    await until(() => push !== undefined);
    push?.({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'a:1' } });
    push?.({ jsonrpc: '2.0', id: 'stray', method: 'sampling/createMessage', params: {} });
    await until(() => server.seen.some((one) => one.body?.id === 'stray'));
    expect(notes).toEqual(['notifications/resources/updated {"uri":"a:1"}']);
    expect(server.seen.find((one) => one.body?.id === 'stray')!.body.error.code).toBe(-32601);
    listener.close();
    await until(() => server.log().includes('POST resources/unsubscribe'));
  });

  it('of 2025-03-26 may answer with an array', async () => {
    const { rig } = await start(
      legacy(({ body }, response) => {
        json(response, 200, [
          { jsonrpc: '2.0', method: 'notifications/message', params: {} },
          result(body.id, {}),
        ]);
      }, '2025-03-26'),
    );
    const connection = await rig.connect();
    const call = tool('x');
    expect(await connection.request(call)).toEqual({ kind: 'result', result: '{}' });
    expect(call.notes).toHaveLength(1);
  });

  it('that only speaks HTTP+SSE is reached that way', async () => {
    let send: ((data: unknown, more?: string) => void) | undefined;
    const { server, rig } = await start((seen, response) => {
      if (seen.verb === 'GET') {
        send = openSse(response);
        return send('/messages?session=7', 'event: endpoint\n');
      }
      if (seen.path === '/mcp') return json(response, 405, 'no');
      response.writeHead(202).end();
      const { id, method } = seen.body;
      if (method === 'initialize') {
        send?.(result(id, { protocolVersion: '2024-11-05', capabilities: {}, serverInfo: {} }));
      } else if (id !== undefined) send?.(result(id, { over: 'sse' }));
    });
    const connection = await rig.connect();
    expect(connection.info.revision).toBe('2024-11-05');
    expect(await connection.request(tool('x'))).toEqual({
      kind: 'result',
      result: '{"over":"sse"}',
    });
    expect(server.seen.at(-1)!.path).toBe('/messages?session=7');
  });

  it('that sends the HTTP+SSE endpoint to another origin is refused', async () => {
    const { rig } = await start((seen, response) => {
      if (seen.verb === 'GET')
        return openSse(response)('http://evil.test/take', 'event: endpoint\n');
      json(response, 405, 'no');
    });
    expect(await code(rig.connect())).toBe('GW_UPSTREAM_UNAVAILABLE');
    expect(rig.faults.map((fault) => fault.kind)).toEqual(['bad_handshake']);
  });
});

describe('what an HTTP upstream may not do', () => {
  const answering = (respond: Script) => start(modern(respond), { maxMessageBytes: 50_000 });

  it.each<[string, string, Script]>([
    [
      'answer 401',
      'GW_UPSTREAM_UNAVAILABLE',
      (_s, r) => json(r, 401, '{}', { 'www-authenticate': 'Bearer realm="x"' }),
    ],
    [
      'answer 403',
      'GW_UPSTREAM_UNAVAILABLE',
      ({ body }, r) => json(r, 403, failure(body.id, -32001)),
    ],
    ['answer 500', 'GW_UPSTREAM_UNAVAILABLE', (_s, r) => json(r, 500, 'oops')],
    [
      'redirect',
      'GW_UPSTREAM_UNAVAILABLE',
      (_s, r) => void r.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
    ],
    [
      'take a request without answer',
      'GW_UPSTREAM_UNAVAILABLE',
      (_s, r) => void r.writeHead(202).end(),
    ],
    ['send an empty body', 'GW_UPSTREAM_PROTOCOL', (_s, r) => void r.writeHead(200).end()],
    ['send no JSON', 'GW_UPSTREAM_PROTOCOL', (_s, r) => json(r, 200, '<html>')],
    ['answer another request', 'GW_UPSTREAM_PROTOCOL', (_s, r) => json(r, 200, result(999, {}))],
    [
      'turn the id into a string',
      'GW_UPSTREAM_PROTOCOL',
      ({ body }, r) => json(r, 200, result(String(body.id), {})),
    ],
    [
      'nest deeply',
      'GW_UPSTREAM_PROTOCOL',
      ({ body }, r) =>
        json(
          r,
          200,
          `{"jsonrpc":"2.0","id":${body.id},"result":${'['.repeat(2000)}${']'.repeat(2000)}}`,
        ),
    ],
    [
      'repeat a key',
      'GW_UPSTREAM_PROTOCOL',
      ({ body }, r) => json(r, 200, `{"jsonrpc":"2.0","id":${body.id},"result":{"a":1,"a":2}}`),
    ],
    [
      'send invalid UTF-8',
      'GW_UPSTREAM_PROTOCOL',
      ({ body }, r) => {
        r.writeHead(200, { 'content-type': 'application/json' });
        r.write(`{"jsonrpc":"2.0","id":${body.id},"result":{"a":"`);
        r.write(Buffer.from([0xff]));
        r.end('"}}');
      },
    ],
    [
      'compress unasked',
      'GW_UPSTREAM_PROTOCOL',
      (_s, r) =>
        void r
          .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
          .end('x'),
    ],
    [
      'send a huge body',
      'GW_UPSTREAM_TOO_LARGE',
      ({ body }, r) => json(r, 200, result(body.id, { a: 'x'.repeat(100_000) })),
    ],
    [
      'send a huge event',
      'GW_UPSTREAM_TOO_LARGE',
      ({ body }, r) => openSse(r)(result(body.id, { a: 'x'.repeat(100_000) })),
    ],
    ['hang', 'GW_UPSTREAM_TIMEOUT', () => {}],
    ['hang in a stream', 'GW_UPSTREAM_TIMEOUT', (_s, r) => void openSse(r)],
    ['hang up', 'GW_UPSTREAM_LOST', (_s, r) => void r.destroy()],
    [
      'hang up in the body',
      'GW_UPSTREAM_LOST',
      (_s, r) => {
        r.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
        r.write('{"jsonrpc"', () => r.destroy());
      },
    ],
  ])('%s: %s, and the next call works', async (_name, expected, respond) => {
    let misbehave = true;
    const { rig } = await answering((seen, response) => {
      if (misbehave) respond(seen, response);
      else echo(seen, response);
    });
    const connection = await rig.connect();
    const failed = connection.request(tool('x', {}, { timeoutMs: 200 }));
    const error = await failed.then(
      () => undefined,
      (reason) => reason,
    );
    expect(error?.code).toBe(expected);
    expect(JSON.stringify(error) + error?.message).not.toContain('realm');
    misbehave = false;
    expect(await code(connection.request(tool('x')))).toBe('resolved');
  });

  it('answer twice: the second one is reported and the socket taken back', async () => {
    const { rig } = await start(
      modern(({ body }, response) => {
        const send = openSse(response);
        send(result(body.id, { n: 1 }));
        send(result(body.id, { n: 2 }));
      }),
    );
    const connection = await rig.connect();
    expect(await connection.request(tool('x'))).toEqual({ kind: 'result', result: '{"n":1}' });
    await until(() => rig.faults.length > 0);
    expect(rig.faults[0]).toMatchObject({ kind: 'unexpected_message' });
  });

  it('flood a call with notifications', async () => {
    const note = { jsonrpc: '2.0', method: 'notifications/message', params: { data: 'x' } };
    const { rig } = await start(
      modern(({ body }, response) => {
        const send = openSse(response);
        for (let i = 0; i < 5000; i++) send(note);
        send(result(body.id, {}));
        response.end();
      }),
      { notificationBurst: 50, notificationsPerSecond: 1 },
    );
    const call = tool('x');
    await (await rig.connect()).request(call);
    expect(call.notes.length).toBeLessThan(100);
    expect(rig.faults.some((fault) => fault.kind === 'flood')).toBe(true);
  });

  it('be somewhere private unless that is allowed', async () => {
    const { rig } = await start(modern(echo), {}, { allowPrivate: false });
    await expect(rig.connect()).rejects.toMatchObject({
      code: 'GW_UPSTREAM_UNAVAILABLE',
      message: expect.stringContaining('private'),
    });
    const byName = createRig(http('http://localhost:9/mcp', { allowPrivate: false }));
    open.push(() => byName.pool.close());
    await expect(byName.connect()).rejects.toMatchObject({
      message: expect.stringContaining('private'),
    });
  });
});

describe('the probe of an HTTP server', () => {
  it.each([401, 403, 500, 503, 429])('learns nothing from HTTP %i', async (status) => {
    const { server, rig } = await start((_seen, response) => json(response, status, '{}'));
    expect(await code(rig.connect())).toBe('GW_UPSTREAM_UNAVAILABLE');
    expect(server.log()).toEqual(['POST server/discover']);
    expect(rig.pool.status()[0]!.era).toBeUndefined();
  });

  it.each([-32601, -32602, -32600, -32000])(
    'takes error %i for a legacy server',
    async (number) => {
      const handled = legacy(echo);
      const { rig } = await start((seen, response) => {
        if (seen.body?.method === 'server/discover')
          return json(response, 200, failure(seen.body.id, number));
        handled(seen, response);
      });
      expect((await rig.connect()).info.era).toBe('legacy');
    },
  );

  it('asks a server that wants capabilities again, with the caller’s', async () => {
    const handled = modern(echo);
    const { server, rig } = await start((seen, response) => {
      const declared = seen.body.params._meta['io.modelcontextprotocol/clientCapabilities'];
      if (declared.sampling === undefined)
        return json(response, 400, failure(seen.body.id, -32021));
      handled(seen, response);
    });
    expect((await rig.connect()).info.era).toBe('modern');
    expect(server.log()).toEqual(['POST server/discover', 'POST server/discover']);
  });

  it('does not fall back when a server says it is modern but of an unknown revision', async () => {
    const { server, rig } = await start(({ body }, response) => {
      json(response, 400, failure(body.id, -32022, { supported: ['2031-01-01'] }));
    });
    expect(await code(rig.connect())).toBe('GW_UPSTREAM_UNAVAILABLE');
    expect(server.log()).toEqual(['POST server/discover']);
  });

  it('is repeated after the age limit, so an upgraded server is noticed', async () => {
    let upgraded = false;
    const [old, young] = [legacy(echo), modern(echo)];
    const { rig } = await start((seen, response) => (upgraded ? young : old)(seen, response), {
      eraMaxAgeMs: 1,
    });
    expect((await rig.connect()).info.era).toBe('legacy');
    upgraded = true;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await rig.connect({ agentId: 'agt_b' })).info.era).toBe('modern');
  });

  it('is repeated when a modern server starts to answer like a legacy one', async () => {
    let downgraded = false;
    const [old, young] = [legacy(echo), modern(echo)];
    const { rig } = await start((seen, response) => {
      if (!downgraded) return young(seen, response);
      if (seen.headers['mcp-protocol-version'] === '2026-07-28')
        return json(response, 400, 'Bad Request');
      old(seen, response);
    });
    const before = await rig.connect();
    expect(before.info.era).toBe('modern');
    downgraded = true;
    expect(await code(before.request(tool('x')))).toBe('GW_UPSTREAM_UNAVAILABLE');
    expect((await rig.connect()).info.era).toBe('legacy');
  });
});

describe('the client of an upstream session', () => {
  it('of another revision or with other capabilities is another session', async () => {
    const { rig } = await start(legacy(echo));
    const all = await Promise.all([
      rig.connect(),
      rig.connect({ client: { ...LEGACY_CLIENT, revision: '2025-06-18' } }),
      rig.connect({
        client: { ...LEGACY_CLIENT, capabilitiesDigest: 'none', capabilities: '{}' as RawJson },
      }),
      rig.connect({ user: 'usr_1' }),
    ]);
    expect(new Set(all).size).toBe(4);
  });
});
