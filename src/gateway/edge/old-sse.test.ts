import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RawJson } from '../model.ts';
import {
  AUTH,
  gate,
  INITIALIZE,
  note,
  open,
  POST_HEADERS,
  reader,
  rpc,
  send,
  startEdge,
  type TestEdge,
} from './test-edge.ts';

let t: TestEdge;
beforeEach(async () => {
  t = await startEdge({ publicUrl: 'https://gw.example/base' });
});
afterEach(() => t.edge.close(0));
const GET = { ...AUTH, accept: 'text/event-stream' };

async function connect(path = '/sse', headers: Record<string, string> = GET) {
  const { req, response } = open(t.port, { method: 'GET', path, headers });
  const stream = reader(await response);
  const text = await stream.until('\n\n');
  const endpoint = /^event: endpoint\ndata: \/base(\/messages\S*)\n\n/.exec(text)?.[1] ?? '';
  return { req, stream, endpoint };
}

describe('HTTP+SSE (2024-11-05)', () => {
  test('a client initializes, calls, is asked and notified over its one stream', async () => {
    const { req, stream, endpoint } = await connect();
    const posted = await send(t.port, { path: endpoint, body: INITIALIZE('2024-11-05') });
    expect(posted.status).toBe(202);
    expect(await stream.until('"id":0,"result"')).toContain(
      'event: message\ndata: {"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2024-11-05"',
    );
    const answers: unknown[] = [];
    t.core.answer = async (request) => {
      request.downstream.notify('notifications/progress', undefined);
      answers.push(
        await request.downstream.ask?.(
          'sampling/createMessage',
          undefined,
          new AbortController().signal,
        ),
      );
      return { kind: 'result', result: '{"done":1}' as RawJson };
    };
    await send(t.port, { path: endpoint, body: rpc('tools/call', {}, 7) });
    const id = /"id":"(inst:\d+)"/.exec(await stream.until('sampling/createMessage'))?.[1];
    await send(t.port, { path: endpoint, body: `{"jsonrpc":"2.0","id":"${id}","result":{}}` });
    const text = await stream.until('"id":7,"result":{"done":1}');
    expect(text.indexOf('notifications/progress')).toBeLessThan(text.indexOf('"done":1'));
    expect(answers).toEqual([{ result: '{}' }]);
    [...t.core.pushes.values()][0]?.('notifications/tools/list_changed', undefined);
    await stream.until('list_changed');
    expect(t.core.seen[0]?.downstream).toMatchObject({
      transport: 'sse',
      client: { era: 'legacy', revision: '2024-11-05' },
    });
    expect(new Set(t.core.admitted.map((credential) => credential.resource))).toEqual(
      new Set(['https://gw.example/base/sse']),
    );
    req.destroy();
  });

  test('the stream is the session: its end aborts calls and ends everything', async () => {
    const { req, stream, endpoint } = await connect('/sse/files');
    await send(t.port, { path: endpoint, body: INITIALIZE('2024-11-05') });
    await stream.until('"id":0,"result"');
    const aborted = gate<void>();
    t.core.answer = (request) => {
      request.downstream.signal.addEventListener('abort', () => aborted.open());
      return new Promise(() => {});
    };
    await send(t.port, { path: endpoint, body: rpc('tools/call', {}) });
    expect(t.core.seen[0]?.downstream.endpoint).toEqual({ kind: 'server', server: 'files' });
    t.clock.advance(60 * 60_000);
    expect(t.edge.status().sessions).toBe(1);
    req.destroy();
    await aborted.promise;
    expect(t.core.ended).toHaveLength(1);
    expect(t.edge.status()).toMatchObject({ sessions: 0, streams: 0 });
    expect((await send(t.port, { path: endpoint, body: rpc('ping') })).status).toBe(404);
  });

  test('cancelled reaches the call', async () => {
    const { req, stream, endpoint } = await connect();
    await send(t.port, { path: endpoint, body: INITIALIZE('2024-11-05') });
    await stream.until('"id":0,"result"');
    const aborted = gate<void>();
    t.core.answer = (request) =>
      new Promise(() => request.downstream.signal.addEventListener('abort', () => aborted.open()));
    await send(t.port, { path: endpoint, body: rpc('tools/call', {}, 3) });
    await send(t.port, { path: endpoint, body: note('notifications/cancelled', { requestId: 3 }) });
    await aborted.promise;
    req.destroy();
  });

  test('strangers, other endpoints, missing ids and calls before initialize get nowhere', async () => {
    const { req, stream, endpoint } = await connect();
    expect(
      (
        await send(t.port, {
          path: endpoint,
          headers: { ...POST_HEADERS, authorization: 'Bearer mallory' },
          body: rpc('ping'),
        })
      ).status,
    ).toBe(404);
    expect(
      (
        await send(t.port, {
          path: endpoint.replace('/messages', '/messages/files'),
          body: rpc('ping'),
        })
      ).status,
    ).toBe(404);
    expect((await send(t.port, { path: '/messages', body: rpc('ping') })).status).toBe(404);
    expect((await send(t.port, { path: endpoint, body: '[]' })).status).toBe(400);
    await send(t.port, { path: endpoint, body: rpc('tools/call', {}) });
    await stream.until('the first request must be initialize');
    expect(
      (
        await send(t.port, {
          method: 'GET',
          path: '/sse',
          headers: { accept: 'text/event-stream' },
        })
      ).status,
    ).toBe(401);
    expect((await send(t.port, { method: 'POST', path: '/sse', body: rpc('ping') })).status).toBe(
      405,
    );
    expect(t.core.seen).toEqual([]);
    req.destroy();
  });

  test('revocation cuts the stream', async () => {
    const { stream } = await connect();
    t.revoke('alice');
    await stream.rest();
    expect(t.edge.status().streams).toBe(0);
  });
});
