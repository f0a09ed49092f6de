import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RawJson } from '../model.ts';
import type { RelayedAnswer } from './deps.ts';
import {
  createFakeCore,
  gate,
  open,
  principalOf,
  reader,
  rpc,
  send,
  session,
  startEdge,
  type TestEdge,
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

describe('the session stream', () => {
  test('pushes arrive with ids, after a priming event from 2025-11-25 on', async () => {
    for (const [revision, first] of [
      ['2025-11-25', 'id: 0.1\ndata: \n\n'],
      ['2025-06-18', 'id: 0.1\ndata: {'],
    ] as const) {
      const headers = await session(t.port, revision);
      const { req, response } = open(t.port, { method: 'GET', headers });
      const res = await response;
      const stream = reader(res);
      expect([
        res.statusCode,
        res.headers['content-type'],
        res.headers['x-accel-buffering'],
      ]).toEqual([200, 'text/event-stream', 'no']);
      t.core.pushes.get(String(headers['mcp-session-id']))?.(
        'notifications/tools/list_changed',
        undefined,
      );
      expect((await stream.until('list_changed')).startsWith(first)).toBe(true);
      req.destroy();
    }
  });

  test('what was missed while disconnected is replayed from Last-Event-ID, nothing twice', async () => {
    const headers = await session(t.port);
    const push = (n: number): void =>
      t.core.pushes.get(String(headers['mcp-session-id']))?.('n/x', `{"n":${n}}` as RawJson);
    const first = open(t.port, { method: 'GET', headers });
    const stream = reader(await first.response);
    await stream.until('id: 0.1');
    push(1);
    await stream.until('"n":1');
    first.req.destroy();
    await settle(() => t.edge.status().streams === 0);
    push(2);
    push(3);
    const second = open(t.port, { method: 'GET', headers: { ...headers, 'last-event-id': '0.2' } });
    const again = reader(await second.response);
    const text = await again.until('"n":3');
    expect(text).not.toContain('"n":1');
    expect(text.indexOf('"n":2')).toBeLessThan(text.indexOf('"n":3'));
    second.req.destroy();
  });

  test('a newer stream takes the place of an older one', async () => {
    const headers = await session(t.port);
    const first = reader(await open(t.port, { method: 'GET', headers }).response);
    const second = open(t.port, { method: 'GET', headers });
    const stream = reader(await second.response);
    await first.rest();
    t.core.pushes.get(String(headers['mcp-session-id']))?.('n/x', undefined);
    await stream.until('n/x');
    expect(await first.rest()).not.toContain('n/x');
    second.req.destroy();
  });

  test('nobody coming back detaches the session after a while', async () => {
    const headers = await session(t.port);
    const { req, response } = open(t.port, { method: 'GET', headers });
    await reader(await response).until('id: 0.1');
    req.destroy();
    await settle(() => t.edge.status().streams === 0);
    t.clock.advance(60_000);
    expect(t.core.pushes.size).toBe(1);
    t.clock.advance(6 * 60_000);
    expect(t.core.pushes.size).toBe(0);
  });

  test('comments keep a quiet stream alive, and an open stream keeps its session', async () => {
    const headers = await session(t.port);
    const { req, response } = open(t.port, { method: 'GET', headers });
    const stream = reader(await response);
    t.clock.advance(16_000);
    await stream.until(':\n\n');
    t.clock.advance(60 * 60_000);
    expect(t.edge.status().sessions).toBe(1);
    req.destroy();
  });
});

describe('the session stream and its token', () => {
  test('the stream ends when the token does; the session waits for a fresh one', async () => {
    const principal = principalOf('alice');
    let expiresAt = t.clock.now() + 20_000;
    t.core.verdict = () => ({ ...principal, credential: { ...principal.credential, expiresAt } });
    const headers = await session(t.port);
    const stream = reader(await open(t.port, { method: 'GET', headers }).response);
    t.clock.advance(30_000);
    await stream.rest();
    expiresAt += 60_000;
    expect((await send(t.port, { headers, body: rpc('ping') })).status).toBe(200);
  });
});

describe('resuming a call', () => {
  test('a call whose stream broke goes on, and its answer is replayed to the session that owns it', async () => {
    const headers = await session(t.port);
    const other = await session(t.port);
    const hold = gate<typeof ok>();
    t.core.answer = (request) => {
      request.downstream.notify('notifications/progress', '{"progress":1}' as RawJson);
      return hold.promise;
    };
    const { req, response } = open(t.port, { headers, body: rpc('tools/call', {}, 5) });
    const stream = reader(await response);
    expect(await stream.until('"progress":1')).toContain('id: 1.1\ndata: \n\nid: 1.2\ndata: {');
    const closed = new Promise((resolve) => req.on('close', resolve));
    req.destroy();
    await closed;
    await send(t.port, { headers, body: rpc('ping', undefined, 6) });
    t.core.seen[0]?.downstream.notify('notifications/progress', '{"progress":2}' as RawJson);
    const resumed = open(t.port, {
      method: 'GET',
      headers: { ...headers, 'last-event-id': '1.2' },
    });
    const again = reader(await resumed.response);
    await again.until('"progress":2');
    hold.open(ok);
    const text = await again.rest();
    expect(text).not.toContain('"progress":1');
    expect(text).toContain('"id":5,"result"');
    const later = await send(t.port, {
      method: 'GET',
      headers: { ...headers, 'last-event-id': '1.3' },
    });
    expect(later.text).toMatch(/^id: 1\.4\ndata: .*"id":5,"result"/);
    expect(
      (await send(t.port, { method: 'GET', headers: { ...other, 'last-event-id': '1.1' } })).status,
    ).toBe(400);
    t.clock.advance(10 * 60_000);
    expect(
      (await send(t.port, { method: 'GET', headers: { ...headers, 'last-event-id': '1.3' } }))
        .status,
    ).toBe(400);
  });
});

describe('asking the client', () => {
  test('the question travels on the call and only the asked session can answer it, once', async () => {
    const headers = await session(t.port);
    const mallory = await session(t.port, '2025-11-25', { authorization: 'Bearer mallory' });
    const sibling = await session(t.port);
    const answers: unknown[] = [];
    t.core.answer = async (request) => {
      const { ask } = request.downstream;
      answers.push(
        await ask?.(
          'elicitation/create',
          '{"message":"?"}' as RawJson,
          new AbortController().signal,
        ),
      );
      return ok;
    };
    const { response } = open(t.port, { headers, body: rpc('tools/call', {}, 5) });
    const stream = reader(await response);
    const text = await stream.until('elicitation/create');
    const id = /"id":"(inst:\d+)"/.exec(text)?.[1];
    expect(id).toBeDefined();
    const answer = (value: string) => `{"jsonrpc":"2.0","id":"${id}","result":{"v":"${value}"}}`;
    for (const wrong of [mallory, sibling])
      expect((await send(t.port, { headers: wrong, body: answer('forged') })).status).toBe(202);
    expect(answers).toEqual([]);
    await send(t.port, { headers, body: answer('real') });
    await send(t.port, { headers, body: answer('late') });
    expect(await stream.rest()).toContain('"id":5,"result"');
    expect(answers).toEqual([{ result: '{"v":"real"}' }]);
    expect(t.edge.status().asks).toBe(0);
  });

  test('an aborted question is withdrawn, an error is an answer, and open questions are capped', async () => {
    const headers = await session(t.port);
    const outcomes: unknown[] = [];
    const stop = new AbortController();
    t.core.answer = async (request) => {
      const { ask } = request.downstream;
      if (ask === undefined) return ok;
      const open = [ask('a', undefined, stop.signal), ask('b', undefined, stop.signal)];
      outcomes.push(
        await ask('c', undefined, stop.signal).catch((error: { code: string }) => error.code),
      );
      stop.abort();
      outcomes.push(
        ...(await Promise.all(
          open.map((one) => one.catch((error: { code: string }) => error.code)),
        )),
      );
      return ok;
    };
    const answer = await send(t.port, { headers, body: rpc('tools/call', {}) });
    expect(outcomes).toEqual(['GW_OVERLOADED', 'GW_CANCELLED', 'GW_CANCELLED']);
    expect(answer.text.match(/notifications\/cancelled/g)).toHaveLength(2);
    expect(t.edge.status().asks).toBe(0);
  });

  test('a client without a stream cannot be asked', async () => {
    const headers = await session(t.port);
    await send(t.port, {
      headers: { ...headers, accept: 'application/json' },
      body: rpc('tools/call', {}),
    });
    expect(t.core.seen[0]?.downstream.ask).toBeUndefined();
  });

  test('an answer that reaches another replica is relayed and accepted with session and principal alone', async () => {
    const relayed: RelayedAnswer[] = [];
    const twin = await startEdge({
      clock: t.clock,
      instance: 'twin',
      core: createFakeCore(),
      relay: (answer) => relayed.push(answer),
    });
    const headers = await session(t.port);
    const answers: unknown[] = [];
    t.core.answer = async (request) => {
      answers.push(
        await request.downstream.ask?.('roots/list', undefined, new AbortController().signal),
      );
      return ok;
    };
    const stream = reader(await open(t.port, { headers, body: rpc('tools/call', {}, 5) }).response);
    const id = /"id":"(inst:\d+)"/.exec(await stream.until('roots/list'))?.[1];
    await send(twin.port, {
      headers,
      body: `{"jsonrpc":"2.0","id":"${id}","error":{"code":-1,"message":"no"}}`,
    });
    const [answer] = relayed;
    if (answer === undefined) throw new Error('nothing was relayed');
    t.edge.deliver({ ...answer, principal: 'other' });
    t.edge.deliver({ ...answer, session: 'other' });
    expect(answers).toEqual([]);
    t.edge.deliver(answer);
    await stream.rest();
    expect(answers).toEqual([{ error: '{"code":-1,"message":"no"}' }]);
    await twin.edge.close(0);
  });
});
