import { describe, expect, it } from 'vitest';
import type { RawJson } from '../model.ts';
import { failure, json, legacy, openSse, result } from './fixtures/http-fixture.ts';
import { code, echo, start } from './fixtures/http-rig.ts';
import { LEGACY_CLIENT, MODERN_CLIENT, request, tool, until } from './fixtures/rig.ts';

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

  it('that answers 404 to the continuation of a stream loses the call; it is not sent again', async () => {
    const { server, rig } = await start(
      legacy((seen, response) => {
        if (seen.verb === 'GET') return json(response, 404, failure(null, -32001));
        openSse(response)(
          { jsonrpc: '2.0', method: 'notifications/message', params: {} },
          'id: 1\nretry: 5\n',
        );
        response.end();
      }),
    );
    const connection = await rig.connect();
    expect(await code(connection.request(tool('x')))).toBe('GW_UPSTREAM_LOST');
    expect(server.log().filter((one) => one === 'POST tools/call')).toHaveLength(1);
  });

  it('that answers 404 with the id of the call is heard after one new session', async () => {
    const { server, rig } = await start(
      legacy(({ body }, response) => json(response, 404, failure(body?.id, -32601))),
    );
    const connection = await rig.connect();
    expect(await connection.request(tool('x'))).toMatchObject({ kind: 'error' });
    expect(server.log().filter((one) => one === 'POST initialize')).toHaveLength(2);
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
