import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RawJson } from '../model.ts';
import {
  gate,
  INITIALIZE,
  modern,
  modernHeaders,
  note,
  open,
  POST_HEADERS,
  rpc,
  send,
  session,
  startEdge,
  type TestEdge,
  VERSION,
} from './test-edge.ts';

let t: TestEdge;
beforeEach(async () => {
  t = await startEdge({
    limits: { maxSessionsPerPrincipal: 3, maxSessions: 5, maxAsksPerSession: 2 },
  });
});
afterEach(() => t.edge.close(0));
const ok = { kind: 'result' as const, result: '{}' as RawJson };
const settle = async (done: () => boolean): Promise<void> => {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
};

describe('initialize', () => {
  test.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-03-26', '2025-03-26'],
    ['2025-06-18', '2025-06-18'],
    ['2025-11-25', '2025-11-25'],
    ['2026-07-28', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
  ])('asking for %s gets %s and a visible-ASCII session id', async (asked, revision) => {
    const answer = await send(t.port, { body: INITIALIZE(asked) });
    expect([answer.status, answer.json.result.protocolVersion]).toEqual([200, revision]);
    expect(answer.headers['mcp-session-id']).toMatch(/^[\x21-\x7e]+$/);
  });

  test('malformed facts are -32602 and make no session', async () => {
    for (const params of [
      {},
      { protocolVersion: 1 },
      { protocolVersion: '2025-11-25', capabilities: [] },
      { protocolVersion: '2025-11-25', clientInfo: 'x' },
    ]) {
      const answer = await send(t.port, { body: rpc('initialize', params) });
      expect([answer.status, answer.json.error.code, answer.headers['mcp-session-id']]).toEqual([
        400,
        -32602,
        undefined,
      ]);
    }
    expect(t.edge.status().sessions).toBe(0);
  });

  test('a modern version header on initialize is a mismatch', async () => {
    const answer = await send(t.port, {
      headers: { ...POST_HEADERS, 'mcp-protocol-version': VERSION },
      body: INITIALIZE('2025-11-25'),
    });
    expect([answer.status, answer.json.error.code]).toEqual([400, -32020]);
  });

  test("the caller's longest idle session makes room, another caller's never does", async () => {
    const bob = await session(t.port, '2025-11-25', { authorization: 'Bearer bob' });
    const first = await session(t.port);
    t.clock.advance(10);
    const rest = [await session(t.port), await session(t.port)];
    await session(t.port);
    expect(t.core.ended).toHaveLength(1);
    expect(t.edge.status().sessions).toBe(4);
    for (const headers of [bob, ...rest])
      expect((await send(t.port, { headers, body: rpc('ping') })).status).toBe(200);
    expect(first['mcp-session-id']).toBe(t.core.ended[0]?.id);
    await session(t.port, '2025-11-25', { authorization: 'Bearer carol' });
    const full = await send(t.port, {
      headers: { ...POST_HEADERS, authorization: 'Bearer dave' },
      body: INITIALIZE('2025-11-25'),
    });
    expect([full.status, full.headers['retry-after'], full.headers['mcp-session-id']]).toEqual([
      503,
      '1',
      undefined,
    ]);
  });
});

describe('session ids', () => {
  test('missing is 400, unknown and altered are 404, for every method', async () => {
    const headers = await session(t.port);
    const id = String(headers['mcp-session-id']);
    const { 'mcp-session-id': _gone, ...without } = headers;
    const flipped = {
      ...headers,
      'mcp-session-id': id.slice(0, -1) + (id.endsWith('A') ? 'B' : 'A'),
    };
    for (const method of ['POST', 'GET', 'DELETE']) {
      const body = method === 'POST' ? { body: rpc('tools/list') } : {};
      expect((await send(t.port, { method, headers: without, ...body })).status).toBe(400);
      expect(
        (
          await send(t.port, {
            method,
            headers: { ...headers, 'mcp-session-id': 'k1.xyz' },
            ...body,
          })
        ).status,
      ).toBe(404);
      expect((await send(t.port, { method, headers: flipped, ...body })).status).toBe(404);
    }
    expect(t.core.seen).toEqual([]);
  });

  test("another principal's session answers like an unknown one and is logged", async () => {
    const headers = await session(t.port);
    const stolen = { ...headers, authorization: 'Bearer mallory' };
    const unknown = await send(t.port, {
      headers: { ...stolen, 'mcp-session-id': 'k1.x' },
      body: rpc('tools/list'),
    });
    const foreign = await send(t.port, { headers: stolen, body: rpc('tools/list') });
    expect([foreign.status, foreign.text]).toEqual([404, unknown.text]);
    expect((await send(t.port, { method: 'DELETE', headers: stolen })).status).toBe(404);
    expect((await send(t.port, { method: 'GET', headers: stolen })).status).toBe(404);
    expect((await send(t.port, { headers, body: rpc('tools/list') })).status).toBe(200);
    expect(t.logs).toContain('a session id of another principal was presented');
  });

  test("a session of one endpoint does not open another's", async () => {
    const headers = await session(t.port);
    expect(
      (await send(t.port, { path: '/mcp/files', headers, body: rpc('tools/list') })).status,
    ).toBe(404);
  });

  test('DELETE ends it for good, here and for the core', async () => {
    const headers = await session(t.port);
    expect((await send(t.port, { method: 'DELETE', headers })).status).toBe(204);
    expect((await send(t.port, { headers, body: rpc('tools/list') })).status).toBe(404);
    expect(t.core.ended.map((ended) => ended.id)).toEqual([headers['mcp-session-id']]);
    expect(t.edge.status().sessions).toBe(0);
  });

  test('another replica with the key opens it with the same client facts; expiry and other keys do not', async () => {
    const headers = await session(t.port, '2025-06-18');
    const twin = await startEdge({ clock: t.clock, instance: 'twin' });
    const stolen = { ...headers, authorization: 'Bearer mallory' };
    expect((await send(twin.port, { headers: stolen, body: rpc('tools/list') })).status).toBe(404);
    expect(
      (await send(twin.port, { path: '/mcp/files', headers, body: rpc('tools/list') })).status,
    ).toBe(404);
    expect((await send(twin.port, { headers, body: rpc('tools/list') })).status).toBe(200);
    expect(twin.core.seen[0]?.downstream.client).toMatchObject({
      era: 'legacy',
      revision: '2025-06-18',
      capabilities: '{"elicitation":{}}',
      info: '{"name":"c","version":"1"}',
    });
    expect(
      (
        await send(twin.port, {
          headers: { ...headers, authorization: 'Bearer mallory' },
          body: rpc('tools/list'),
        })
      ).status,
    ).toBe(404);
    t.clock.advance(25 * 3_600_000);
    for (const edge of [t, twin])
      expect((await send(edge.port, { headers, body: rpc('tools/list') })).status).toBe(404);
    await twin.edge.close(0);
  });

  test('an idle session leaves memory and its id brings it back', async () => {
    const headers = await session(t.port);
    t.clock.advance(40 * 60_000);
    expect([t.edge.status().sessions, t.core.ended.length]).toEqual([0, 1]);
    expect((await send(t.port, { headers, body: rpc('tools/list') })).status).toBe(200);
  });

  test('ten thousand idle sessions arm one timer', async () => {
    const before = t.clock.pending();
    for (let i = 0; i < 3; i++) await session(t.port);
    expect(t.clock.pending()).toBe(before);
  });
});

describe('messages', () => {
  test('the core sees params untouched and the session; errors are 200', async () => {
    const headers = await session(t.port, '2025-06-18');
    const text =
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{ "name":"x","big":9007199254740993,"f":1.0 ,"cursor":""}}';
    t.core.answer = () => ({ kind: 'error', status: 404, code: -32601, message: 'no' });
    const answer = await send(t.port, {
      headers: { ...headers, 'mcp-method': 'lie', 'mcp-param-x': '1' },
      body: text,
    });
    expect([answer.status, answer.text]).toEqual([
      200,
      '{"jsonrpc":"2.0","id":9007199254740993,"error":{"code":-32601,"message":"no"}}',
    ]);
    const [seen] = t.core.seen;
    expect(seen?.params).toBe('{ "name":"x","big":9007199254740993,"f":1.0 ,"cursor":""}');
    expect(seen?.paramHeaders).toEqual({});
    expect(seen?.downstream.session?.id).toBe(headers['mcp-session-id']);
    expect(seen?.downstream.client.revision).toBe('2025-06-18');
  });

  test('an enveloped request beside a session id is modern', async () => {
    const headers = await session(t.port);
    const answer = await send(t.port, {
      headers: { ...headers, ...modernHeaders('tools/list') },
      body: modern('tools/list'),
    });
    expect([
      answer.status,
      t.core.seen[0]?.downstream.client.era,
      t.core.seen[0]?.downstream.session,
    ]).toEqual([200, 'modern', undefined]);
  });

  test.each([
    ['2025-03-26', 200],
    ['2025-11-25', 200],
    ['2026-07-28', 400],
    ['2025-01-01', 400],
    ['x', 400],
  ])('version header %s in a session is %i', async (version, status) => {
    const headers = await session(t.port);
    expect(
      (
        await send(t.port, {
          headers: { ...headers, 'mcp-protocol-version': version },
          body: rpc('tools/list'),
        })
      ).status,
    ).toBe(status);
  });

  test('ping is answered here, initialized is swallowed, other notifications reach the core', async () => {
    const headers = await session(t.port);
    expect((await send(t.port, { headers, body: rpc('ping', undefined, 'p') })).text).toBe(
      '{"jsonrpc":"2.0","id":"p","result":{}}',
    );
    const initialized = await send(t.port, { headers, body: note('notifications/initialized') });
    expect([initialized.status, initialized.text]).toEqual([202, '']);
    expect(
      (await send(t.port, { headers, body: note('notifications/roots/list_changed', {}) })).status,
    ).toBe(202);
    expect(t.core.notes.map((seen) => [seen.method, seen.session.id])).toEqual([
      ['notifications/roots/list_changed', headers['mcp-session-id']],
    ]);
    expect(t.core.seen).toEqual([]);
  });

  test('the level stays with the session once the core took it', async () => {
    const headers = await session(t.port);
    await send(t.port, { headers, body: rpc('logging/setLevel', { level: 'error' }) });
    await send(t.port, { headers, body: rpc('tools/list') });
    expect(t.core.seen[1]?.downstream.session?.logLevel).toBe('error');
  });

  test('an id that is still open is refused, a finished one is free again', async () => {
    const headers = await session(t.port);
    const hold = gate<typeof ok>();
    t.core.answer = () => hold.promise;
    const first = send(t.port, { headers, body: rpc('tools/call', {}, 'a') });
    await settle(() => t.core.seen.length === 1);
    expect(
      (
        await send(t.port, {
          headers,
          body: rpc('tools/call', {}, 'a').replace('"a"', '"\\u0061"'),
        })
      ).status,
    ).toBe(400);
    hold.open(ok);
    await first;
    expect((await send(t.port, { headers, body: rpc('tools/call', {}, 'a') })).status).toBe(200);
    expect(t.core.seen).toHaveLength(2);
  });
});

describe('batches', () => {
  test('2025-03-26 gets an array with one answer per request', async () => {
    const headers = await session(t.port, '2025-03-26');
    const batch = `[${rpc('ping', undefined, 1)},${rpc('tools/list', {}, 2)},${note('notifications/x')},{"jsonrpc":"2.0","id":3}]`;
    const answer = await send(t.port, { headers, body: batch });
    expect(answer.json.map((item: { id: number }) => item.id).sort()).toEqual([1, 2, 3]);
    expect(t.core.notes).toHaveLength(1);
    const silent = await send(t.port, { headers, body: `[${note('notifications/x')}]` });
    expect([silent.status, silent.text]).toEqual([202, '']);
  });

  test('a notification in the middle turns the answer into a stream of all messages', async () => {
    const headers = await session(t.port, '2025-03-26');
    t.core.answer = (request) => {
      if (request.id === '1') request.downstream.notify('notifications/progress', undefined);
      return ok;
    };
    const answer = await send(t.port, {
      headers,
      body: `[${rpc('a/b', {}, 1)},${rpc('a/b', {}, 2)}]`,
    });
    expect(answer.headers['content-type']).toBe('text/event-stream');
    const ids = answer.text
      .split('\n')
      .filter((line) => line.startsWith('data: '))
      .flatMap((line) => JSON.parse(line.slice(6)))
      .map((m) => m.id);
    expect(ids.filter((id) => id !== undefined).sort()).toEqual([1, 2]);
  });

  test('other revisions, too many items, and initialize inside are refused', async () => {
    for (const revision of ['2024-11-05', '2025-06-18', '2025-11-25']) {
      const headers = await session(t.port, revision, {
        authorization: `Bearer r${revision.slice(0, 4)}${revision.slice(5, 7)}`,
      });
      expect((await send(t.port, { headers, body: `[${rpc('tools/list')}]` })).status).toBe(400);
    }
    const headers = await session(t.port, '2025-03-26');
    const many = `[${Array.from({ length: 40 }, (_, i) => rpc('tools/list', {}, i)).join(',')}]`;
    expect((await send(t.port, { headers, body: many })).status).toBe(400);
    const inside = await send(t.port, { headers, body: `[${INITIALIZE('2025-03-26')}]` });
    expect(inside.json[0].error.code).toBe(-32600);
    expect(t.core.seen).toEqual([]);
  });
});

describe('cancelling', () => {
  test('notifications/cancelled aborts the call of that id in that session alone', async () => {
    const headers = await session(t.port);
    const other = await session(t.port);
    t.core.answer = (request) =>
      new Promise((resolve) =>
        request.downstream.signal.addEventListener('abort', () => resolve(ok)),
      );
    const call = send(t.port, { headers, body: rpc('tools/call', {}, 'c1') });
    await settle(() => t.core.seen.length === 1);
    await send(t.port, {
      headers: other,
      body: note('notifications/cancelled', { requestId: 'c1' }),
    });
    await send(t.port, { headers, body: note('notifications/cancelled', { requestId: 'nobody' }) });
    expect(t.core.seen[0]?.downstream.signal.aborted).toBe(false);
    await send(t.port, { headers, body: note('notifications/cancelled', { requestId: 'c1' }) });
    const answer = await call;
    expect([answer.status, answer.text]).toEqual([202, '']);
    await settle(() => t.edge.status().calls === 0);
    expect(t.core.notes).toEqual([]);
  });

  test('dropping the connection does not cancel', async () => {
    const headers = await session(t.port);
    const hold = gate<typeof ok>();
    t.core.answer = () => hold.promise;
    const { req, response } = open(t.port, { headers, body: rpc('tools/call', {}) });
    response.catch(() => {});
    await settle(() => t.core.seen.length === 1);
    const { signal } = t.core.seen[0]!.downstream;
    const closed = new Promise((resolve) => req.on('close', resolve));
    req.destroy();
    await closed;
    await send(t.port, { headers, body: rpc('ping', undefined, 2) });
    expect(signal.aborted).toBe(false);
    hold.open(ok);
    await settle(() => t.edge.status().calls === 0);
  });

  test('DELETE and revocation abort the open calls of the session', async () => {
    for (const end of [
      (h: Record<string, string>) => send(t.port, { method: 'DELETE', headers: h }),
      async () => t.revoke('alice'),
    ]) {
      const headers = await session(t.port);
      t.core.answer = (request) =>
        new Promise((resolve) =>
          request.downstream.signal.addEventListener('abort', () => resolve(ok)),
        );
      const before = t.core.seen.length;
      const call = send(t.port, { headers, body: rpc('tools/call', {}) }).catch(() => undefined);
      await settle(() => t.core.seen.length > before);
      await end(headers);
      await call;
      expect(t.core.seen.at(-1)?.downstream.signal.aborted).toBe(true);
      expect((await send(t.port, { headers, body: rpc('ping') })).status).toBe(404);
    }
  });
});
