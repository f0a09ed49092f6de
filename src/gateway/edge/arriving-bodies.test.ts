import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { meterBody } from './body-budget.ts';
import { POST_HEADERS, send, startEdge, type TestEdge } from './test-edge.ts';

let t: TestEdge;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await t.edge.close(0);
});

/** Sends a head and part of a body, and leaves it there. */
function begin(agent: string, head: string, part: string, path = '/mcp'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(t.port, '127.0.0.1', () => {
      socket.write(
        `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${agent}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n${head}\r\n\r\n${part}`,
        () => resolve(socket),
      );
    });
    socket.on('error', reject);
    sockets.push(socket);
  });
}
const chunk = (bytes: number): string => `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`;
const post = (agent: string, bytes: number) =>
  send(t.port, {
    headers: { ...POST_HEADERS, authorization: `Bearer ${agent}` },
    body: 'x'.repeat(bytes),
  });
/** Until the edge has seen what the sockets sent: a body of one byte too many is refused then. */
async function refused(agent: string, bytes: number) {
  for (;;) {
    const answer = await post(agent, bytes);
    if (answer.status !== 400) return answer;
  }
}

describe('bodies that are arriving', () => {
  test.each([
    ['announced', 'content-length: 900', ''],
    ['sent in chunks', 'transfer-encoding: chunked', chunk(900)],
  ])('count against their caller alone when %s, until it goes away', async (_, head, part) => {
    t = await startEdge({ limits: { maxArrivingBytesPerPrincipal: 1_000 } });
    const socket = await begin('alice', head, part);
    const answer = await refused('alice', 200);
    expect(answer.status).toBe(429);
    expect(answer.headers).toMatchObject({ 'retry-after': '1', connection: 'close' });
    expect((await post('bob', 200)).status).toBe(400);
    socket.destroy();
    await expect.poll(async () => (await post('alice', 200)).status).toBe(400);
  });

  test('of all callers together are bounded, and a complete body gives its room back', async () => {
    t = await startEdge({ limits: { maxArrivingBytes: 1_000 } });
    for (let i = 0; i < 5; i++) expect((await post('alice', 900)).status).toBe(400);
    await begin('alice', 'content-length: 500', '');
    await begin('bob', 'content-length: 400', '');
    const answer = await refused('carol', 200);
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
  });

  test('of strangers have a room of their own, in which announcements count for nothing', async () => {
    t = await startEdge({ limits: { maxArrivingFormBytes: 1_000 } });
    const form = (bytes: number) =>
      send(t.port, { path: '/oauth/token', headers: {}, body: 'x'.repeat(bytes) });
    await begin('x', 'content-length: 60000', '', '/oauth/token');
    expect((await form(900)).status).toBe(404);
    await begin('x', 'transfer-encoding: chunked', chunk(900), '/oauth/token');
    await expect.poll(async () => (await form(200)).status).toBe(503);
    expect((await post('alice', 900)).status).toBe(400);
  });
});

test('connections over the limit are closed unread', async () => {
  t = await startEdge({ limits: { maxConnections: 2 } });
  await begin('alice', 'content-length: 10', '');
  await begin('alice', 'content-length: 10', '');
  await expect(post('alice', 1)).rejects.toThrow();
});

test('what a meter took is given back once', async () => {
  t = await startEdge();
  const all = { used: 0, max: 10 };
  const own = { bodyBytes: 0 };
  const meter = meterBody(all, own, 5);
  expect([meter.take(5), meter.take(1), meterBody(all).take(6)]).toEqual([undefined, 429, 503]);
  meter.release();
  meter.release();
  expect([all.used, own.bodyBytes]).toEqual([0, 0]);
});
