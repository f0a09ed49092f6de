import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../kernel/index.ts';
import type { RawJson } from '../model.ts';
import { encodeHeaderValue } from '../wire/header-value.ts';
import {
  AUTH,
  gate,
  modern,
  modernHeaders,
  note,
  open,
  POST_HEADERS,
  principalOf,
  reader,
  send,
  startEdge,
  type TestEdge,
  VERSION,
} from './test-edge.ts';

let t: TestEdge;
beforeEach(async () => {
  t = await startEdge({
    limits: { maxCallsPerPrincipal: 3, maxCalls: 5, maxStreamsPerPrincipal: 2 },
  });
});
afterEach(() => t.edge.close(0));
const call = modern('tools/call', { name: 'echo', arguments: { n: 1 } });
const ok = { kind: 'result' as const, result: '{}' as RawJson };

describe('headers and body', () => {
  const cases: Array<[string, Record<string, string | undefined>, string, number]> = [
    ['version header missing', { 'mcp-protocol-version': undefined }, call, -32020],
    ['version header differs', { 'mcp-protocol-version': '2025-11-25' }, call, -32020],
    ['method header missing', { 'mcp-method': undefined }, call, -32020],
    ['method header differs', { 'mcp-method': 'tools/list' }, call, -32020],
    ['method header in another case', { 'mcp-method': 'TOOLS/CALL' }, call, -32020],
    ['name header missing', { 'mcp-name': undefined }, call, -32020],
    ['name header differs', { 'mcp-name': 'other' }, call, -32020],
    ['name header with a broken marker', { 'mcp-name': '=?base64?!?=' }, call, -32020],
    ['name header without a name in the body', {}, modern('tools/call', {}), -32020],
    ['name in the body is no string', {}, modern('tools/call', { name: 7 }), -32020],
    ['broken parameter header', { 'mcp-param-a': '=?base64?!?=' }, call, -32020],
    [
      'envelope without capabilities',
      {},
      call.replace('"io.modelcontextprotocol/clientCapabilities":{}', '"x":1'),
      -32602,
    ],
    [
      'no envelope at all',
      {},
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}',
      -32602,
    ],
  ];
  test.each(cases)('%s is refused before the core', async (_name, change, text, code) => {
    const headers = Object.fromEntries(
      Object.entries({ ...modernHeaders('tools/call', 'echo'), ...change }).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      ),
    );
    const answer = await send(t.port, { headers, body: text });
    expect([answer.status, answer.json.error.code, answer.json.id]).toEqual([400, code, 1]);
    expect(t.core.seen).toEqual([]);
  });

  test('an unknown version is answered with the versions served and the one asked for', async () => {
    for (const version of ['v999.0.0', '2025-11-25', '2027-01-01']) {
      const answer = await send(t.port, {
        headers: { ...modernHeaders('server/discover'), 'mcp-protocol-version': version },
        body: modern('server/discover').replace(VERSION, version),
      });
      expect([answer.status, answer.json.error]).toMatchObject([
        400,
        { code: -32022, data: { supported: [VERSION], requested: version } },
      ]);
    }
  });

  test('blanks around a header value do not count and encoded names are compared decoded', async () => {
    expect(
      (await send(t.port, { headers: modernHeaders('tools/call', '  echo  '), body: call })).status,
    ).toBe(200);
    const name = 'wörld 🌍';
    const headers = modernHeaders('tools/call', encodeHeaderValue(name));
    expect((await send(t.port, { headers, body: modern('tools/call', { name }) })).status).toBe(
      200,
    );
    const read = {
      headers: modernHeaders('resources/read', 'test://x'),
      body: modern('resources/read', { uri: 'test://x' }),
    };
    expect((await send(t.port, read)).status).toBe(200);
    const task = {
      headers: modernHeaders('tasks/get', 'other'),
      body: modern('tasks/get', { taskId: 't1' }),
    };
    expect((await send(t.port, task)).status).toBe(400);
  });
});

describe('what the core sees', () => {
  test('params without the envelope, everything else byte for byte', async () => {
    const text = `{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{ "arguments" : {"n":9007199254740993,"f":1.0},"name":"echo",
      "_meta":{"io.modelcontextprotocol/protocolVersion":"${VERSION}","vendor/k":[ ],"io.modelcontextprotocol/clientCapabilities":{"a":{}},
      "io.modelcontextprotocol/logLevel":"info","progressToken":7},"cursor":""}}`;
    await send(t.port, {
      headers: { ...modernHeaders('tools/call', 'echo'), 'Mcp-Param-Region': '=?base64?w6k=?=' },
      body: text,
    });
    const [seen] = t.core.seen;
    expect(seen?.id).toBe('"x"');
    expect(seen?.params).toBe(
      '{ "arguments" : {"n":9007199254740993,"f":1.0},"name":"echo",\n      "_meta":{"vendor/k":[ ],"progressToken":7},"cursor":""}',
    );
    expect(seen?.paramHeaders).toEqual({ 'mcp-param-region': 'é' });
    expect(seen?.downstream).toMatchObject({
      transport: 'http',
      session: undefined,
      ask: undefined,
      endpoint: { kind: 'all' },
      client: {
        era: 'modern',
        revision: VERSION,
        capabilities: '{"a":{}}',
        logLevel: 'info',
        info: undefined,
      },
    });
  });

  test('trace context of _meta wins over headers, and nonsense is dropped', async () => {
    const parent = (c: string): string => `00-${c.repeat(32)}-${c.repeat(16)}-01`;
    const headers = { ...modernHeaders('tools/list'), traceparent: parent('a'), tracestate: 'v=1' };
    await send(t.port, { headers, body: modern('tools/list') });
    await send(t.port, {
      headers,
      body: modern('tools/list', { _meta: { traceparent: parent('b') } }),
    });
    await send(t.port, { headers: { ...headers, traceparent: 'x' }, body: modern('tools/list') });
    expect(t.core.seen.map((seen) => [seen.traceparent, seen.tracestate])).toEqual([
      [parent('a'), 'v=1'],
      [parent('b'), 'v=1'],
      [undefined, undefined],
    ]);
  });

  test('a session id is ignored and none is minted', async () => {
    const answer = await send(t.port, {
      headers: { ...modernHeaders('tools/list'), 'mcp-session-id': 'x' },
      body: modern('tools/list'),
    });
    expect([answer.status, answer.headers['mcp-session-id']]).toEqual([200, undefined]);
  });
});

describe('what has no place in this era', () => {
  test.each([
    'initialize',
    'ping',
    'logging/setLevel',
    'resources/subscribe',
    'resources/unsubscribe',
  ])('%s is not found', async (method) => {
    const answer = await send(t.port, { headers: modernHeaders(method), body: modern(method) });
    expect([answer.status, answer.json]).toMatchObject([404, { id: 1, error: { code: -32601 } }]);
    expect(t.core.seen).toEqual([]);
  });

  test('responses and batches are refused, notifications taken and dropped, GET and DELETE not allowed', async () => {
    const headers = { ...POST_HEADERS, 'mcp-protocol-version': VERSION };
    expect(
      (await send(t.port, { headers, body: '{"jsonrpc":"2.0","id":1,"result":{}}' })).status,
    ).toBe(400);
    expect((await send(t.port, { headers, body: `[${call}]` })).status).toBe(400);
    expect((await send(t.port, { headers, body: note('notifications/progress') })).status).toBe(
      202,
    );
    expect(
      (
        await send(t.port, {
          headers: { ...headers, 'mcp-method': 'x' },
          body: note('notifications/progress'),
        })
      ).status,
    ).toBe(400);
    for (const method of ['GET', 'DELETE']) {
      expect(
        (
          await send(t.port, {
            method,
            headers: { ...AUTH, accept: 'text/event-stream', 'mcp-protocol-version': VERSION },
          })
        ).status,
      ).toBe(405);
    }
    expect([t.core.seen, t.core.notes]).toEqual([[], []]);
  });
});

describe('answers', () => {
  test('a lone result is plain JSON and an error takes the status the core names', async () => {
    const fine = await send(t.port, { headers: modernHeaders('tools/call', 'echo'), body: call });
    expect([fine.headers['content-type'], fine.text]).toEqual([
      'application/json',
      '{"jsonrpc":"2.0","id":1,"result":{"ok":true}}',
    ]);
    t.core.answer = () => ({
      kind: 'error',
      status: 400,
      code: -32021,
      message: 'm',
      data: '{"a":1.0}' as RawJson,
    });
    const failed = await send(t.port, { headers: modernHeaders('tools/call', 'echo'), body: call });
    expect([failed.status, failed.text]).toEqual([
      400,
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32021,"message":"m","data":{"a":1.0}}}',
    ]);
  });

  test('the first notification turns the answer into a stream, in order', async () => {
    t.core.answer = (request) => {
      request.downstream.notify('notifications/progress', '{"progress":1}' as RawJson);
      request.downstream.notify('notifications/progress', '{"progress":2}' as RawJson);
      return ok;
    };
    const answer = await send(t.port, { headers: modernHeaders('tools/call', 'echo'), body: call });
    expect([answer.headers['content-type'], answer.headers['x-accel-buffering']]).toEqual([
      'text/event-stream',
      'no',
    ]);
    const data = answer.text.split('\n\n').filter(Boolean);
    expect(data).toEqual([
      'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}',
      'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":2}}',
      'data: {"jsonrpc":"2.0","id":1,"result":{}}',
    ]);
  });

  test('a client that takes no stream gets the result alone', async () => {
    t.core.answer = (request) => {
      request.downstream.notify('notifications/progress', undefined);
      return ok;
    };
    const answer = await send(t.port, {
      headers: { ...modernHeaders('tools/call', 'echo'), accept: 'application/json' },
      body: call,
    });
    expect(answer.text).toBe('{"jsonrpc":"2.0","id":1,"result":{}}');
  });

  test('faults show their code or a fault id, never their text', async () => {
    t.core.answer = () => {
      throw new Error('password=hunter2');
    };
    const unknown = await send(t.port, {
      headers: modernHeaders('tools/call', 'echo'),
      body: call,
    });
    expect([unknown.status, unknown.json.error.code]).toEqual([200, -32603]);
    expect(unknown.text).not.toContain('hunter2');
    expect(unknown.json.error.data.fault).toMatch(/^flt_/);
    t.core.answer = () => Promise.reject(new AppError('GW_OVERLOADED'));
    const known = await send(t.port, { headers: modernHeaders('tools/call', 'echo'), body: call });
    expect([known.status, known.headers['retry-after'], known.json.error.data.code]).toEqual([
      503,
      '1',
      'GW_OVERLOADED',
    ]);
  });

  test('a quiet call becomes a stream with comments after the heartbeat', async () => {
    const hold = gate<typeof ok>();
    const reached = gate<void>();
    t.core.answer = () => {
      reached.open();
      return hold.promise;
    };
    const { response } = open(t.port, { headers: modernHeaders('tools/call', 'echo'), body: call });
    await reached.promise;
    t.clock.advance(20_000);
    const stream = reader(await response);
    await stream.until(':\n\n');
    t.clock.advance(20_000);
    await stream.until(':\n\n:\n\n');
    hold.open(ok);
    expect(await stream.rest()).toContain('data: {"jsonrpc":"2.0","id":1,"result":{}}');
  });
});

describe('cancelling and limits', () => {
  test('closing the stream aborts the call', async () => {
    const aborted = gate<void>();
    const reached = gate<void>();
    t.core.answer = (request) => {
      request.downstream.signal.addEventListener('abort', () => aborted.open());
      reached.open();
      return new Promise(() => {});
    };
    const { req, response } = open(t.port, {
      headers: modernHeaders('tools/call', 'echo'),
      body: call,
    });
    response.catch(() => {});
    await reached.promise;
    req.destroy();
    await aborted.promise;
  });

  test('a finished call is never aborted, and a signal first read after the abort is aborted', async () => {
    const signals: AbortSignal[] = [];
    t.core.answer = (request) => {
      signals.push(request.downstream.signal);
      return ok;
    };
    await send(t.port, { headers: modernHeaders('tools/call', 'echo'), body: call });
    expect(signals[0]?.aborted).toBe(false);
    const left = gate<void>();
    const reached = gate<void>();
    const late = gate<boolean>();
    t.core.answer = async (request) => {
      reached.open();
      await left.promise;
      late.open(request.downstream.signal.aborted);
      return ok;
    };
    const { req, response } = open(t.port, {
      headers: modernHeaders('tools/call', 'echo'),
      body: call,
    });
    response.catch(() => {});
    await reached.promise;
    req.destroy();
    while (
      t.edge.status().calls > 0 &&
      !(t.core.seen.at(-1) as unknown as { downstream: { cancelled: boolean } }).downstream
        .cancelled
    ) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    left.open();
    expect(await late.promise).toBe(true);
  });

  test('calls in flight are capped per caller and in all, and places come back', async () => {
    const hold = gate<typeof ok>();
    t.core.answer = () => hold.promise;
    const as = (name: string) =>
      send(t.port, {
        headers: { ...modernHeaders('tools/call', 'echo'), authorization: `Bearer ${name}` },
        body: call,
      });
    const held = [as('alice'), as('alice'), as('alice')];
    while (t.core.seen.length < 3) await new Promise((resolve) => setImmediate(resolve));
    const fourth = await as('alice');
    expect([fourth.status, fourth.headers['retry-after']]).toEqual([429, '1']);
    held.push(as('bob'), as('bob'));
    while (t.core.seen.length < 5) await new Promise((resolve) => setImmediate(resolve));
    expect((await as('bob')).status).toBe(503);
    hold.open(ok);
    expect((await Promise.all(held)).map((answer) => answer.status)).toEqual([
      200, 200, 200, 200, 200,
    ]);
    expect((await as('alice')).status).toBe(200);
    expect(t.edge.status()).toMatchObject({ calls: 0, streams: 0 });
  });

  test('listen streams have a cap of their own and leave the calls alone', async () => {
    const end = gate<typeof ok>();
    t.core.answer = (request) => {
      if (request.method !== 'subscriptions/listen') return ok;
      request.downstream.notify('notifications/subscriptions/acknowledged', undefined);
      return end.promise;
    };
    const listen = () =>
      open(t.port, {
        headers: modernHeaders('subscriptions/listen'),
        body: modern('subscriptions/listen'),
      });
    const streams = [reader(await listen().response), reader(await listen().response)];
    await Promise.all(streams.map((stream) => stream.until('acknowledged')));
    expect((await listen().response).statusCode).toBe(429);
    expect(
      (await send(t.port, { headers: modernHeaders('tools/call', 'echo'), body: call })).status,
    ).toBe(200);
    expect(t.edge.status()).toMatchObject({ calls: 0, streams: 2 });
    end.open(ok);
    await Promise.all(streams.map((stream) => stream.rest()));
    expect(t.edge.status().streams).toBe(0);
    const json = { ...modernHeaders('subscriptions/listen'), accept: 'application/json' };
    expect(
      (await send(t.port, { headers: json, body: modern('subscriptions/listen') })).status,
    ).toBe(406);
  });

  test('a reader that does not read is cut and its call aborted', async () => {
    const aborted = gate<void>();
    t.core.answer = (request) => {
      request.downstream.signal.addEventListener('abort', () => aborted.open());
      const params = JSON.stringify({ data: 'x'.repeat(200_000) }) as RawJson;
      const pour = (): void => {
        if (request.downstream.signal.aborted) return;
        request.downstream.notify('notifications/message', params);
        setImmediate(pour);
      };
      pour();
      return new Promise(() => {});
    };
    const { response } = open(t.port, { headers: modernHeaders('tools/call', 'echo'), body: call });
    const res = await response;
    res.on('error', () => {});
    res.pause();
    await aborted.promise;
    res.destroy();
  });

  test('revocation cuts what the agent has open, and nothing of others', async () => {
    t.core.answer = (request) => {
      request.downstream.notify('notifications/x', undefined);
      return new Promise((resolve) =>
        request.downstream.signal.addEventListener('abort', () => resolve(ok)),
      );
    };
    const as = async (name: string) =>
      reader(
        await open(t.port, {
          headers: { ...modernHeaders('tools/call', 'echo'), authorization: `Bearer ${name}` },
          body: call,
        }).response,
      );
    const alice = await as('alice');
    const bob = await as('bob');
    await Promise.all([alice.until('notifications/x'), bob.until('notifications/x')]);
    t.revoke('alice');
    expect(await alice.rest()).not.toContain('result');
    expect(t.core.seen.map((seen) => seen.downstream.signal.aborted)).toEqual([true, false]);
  });

  test('a revoked subscription is told so before it ends', async () => {
    t.core.answer = (request) => {
      request.downstream.notify('notifications/subscriptions/acknowledged', undefined);
      return new Promise(() => {});
    };
    const listen = {
      headers: modernHeaders('subscriptions/listen'),
      body: modern('subscriptions/listen', {}, 'sub'),
    };
    const stream = reader(await open(t.port, listen).response);
    await stream.until('acknowledged');
    t.revoke('alice');
    const text = await stream.rest();
    expect(
      text.indexOf('"method":"notifications/cancelled","params":{"requestId":"sub"}'),
    ).toBeGreaterThan(0);
    expect(
      text
        .trimEnd()
        .endsWith('data: {"jsonrpc":"2.0","id":"sub","result":{"resultType":"complete"}}'),
    ).toBe(true);
  });

  test('a subscription ends with its token, a call does not', async () => {
    const principal = principalOf('alice');
    const expiresAt = t.clock.now() + 20_000;
    t.core.verdict = () => ({ ...principal, credential: { ...principal.credential, expiresAt } });
    t.core.answer = (request) => {
      request.downstream.notify('notifications/x', undefined);
      return new Promise((resolve) =>
        request.downstream.signal.addEventListener('abort', () => resolve(ok)),
      );
    };
    const listen = {
      headers: modernHeaders('subscriptions/listen'),
      body: modern('subscriptions/listen'),
    };
    const subscription = reader(await open(t.port, listen).response);
    const running = reader(
      await open(t.port, { headers: modernHeaders('tools/call', 'echo'), body: call }).response,
    );
    await Promise.all([subscription.until('notifications/x'), running.until('notifications/x')]);
    t.clock.advance(30_000);
    expect(await subscription.rest()).toContain('"result":{}');
    expect(t.core.seen.map((seen) => seen.downstream.signal.aborted)).toEqual([true, false]);
  });
});
