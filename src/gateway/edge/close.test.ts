import { connect } from 'node:net';
import { expect, test } from 'vitest';
import type { RawJson } from '../model.ts';
import {
  gate,
  modern,
  modernHeaders,
  open,
  reader,
  send,
  session,
  startEdge,
} from './test-edge.ts';

const ok = { kind: 'result' as const, result: '{}' as RawJson };
const call = {
  headers: modernHeaders('tools/call', 'echo'),
  body: modern('tools/call', { name: 'echo' }),
};
const settle = async (done: () => boolean): Promise<void> => {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
};

test('closing lets a call end, ends idle streams at once, and refuses new connections', async () => {
  const t = await startEdge();
  const headers = await session(t.port);
  const stream = reader(await open(t.port, { method: 'GET', headers }).response);
  const hold = gate<typeof ok>();
  t.core.answer = () => hold.promise;
  const running = send(t.port, call);
  await settle(() => t.core.seen.length === 1);
  const closing = t.edge.close(10_000);
  await stream.rest();
  await expect(send(t.port, call)).rejects.toThrow();
  hold.open(ok);
  expect((await running).status).toBe(200);
  await closing;
});

test('after the grace what is left is aborted and cut', async () => {
  const t = await startEdge();
  t.core.answer = (request) =>
    new Promise((resolve) =>
      request.downstream.signal.addEventListener('abort', () => resolve(ok)),
    );
  const running = send(t.port, call).catch(() => 'cut');
  await settle(() => t.core.seen.length === 1);
  const closing = t.edge.close(10_000);
  t.clock.advance(10_000);
  expect(await running).toBe('cut');
  await closing;
  expect(t.core.seen[0]?.downstream.signal.aborted).toBe(true);
  await t.edge.close(0);
});

test('a kept-alive connection learns of the shutdown, and readyz says so first', async () => {
  let ready = true;
  const t = await startEdge({ ready: () => ready });
  ready = false;
  expect((await send(t.port, { method: 'GET', path: '/readyz', headers: {} })).status).toBe(503);
  expect((await send(t.port, { method: 'GET', path: '/livez', headers: {} })).status).toBe(200);
  await t.edge.close(0);
});

test('a client that closes its sending half still gets its answer', async () => {
  const t = await startEdge();
  const hold = gate<typeof ok>();
  t.core.answer = () => hold.promise;
  const lines = Object.entries(call.headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const out = await new Promise<string>((resolve, reject) => {
    let text = '';
    const socket = connect({ port: t.port, host: '127.0.0.1', allowHalfOpen: true }, () => {
      socket.end(
        `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n${lines}content-length: ${call.body.length}\r\n\r\n${call.body}`,
      );
      settle(() => t.core.seen.length === 1).then(() => hold.open(ok));
    });
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
  expect(out).toContain('"result":{}');
  await t.edge.close(0);
});

test('a client that leaves while its body is on the way costs nothing and reaches nobody', async () => {
  const t = await startEdge();
  const lines = Object.entries(call.headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  await new Promise<void>((resolve) => {
    const socket = connect(t.port, '127.0.0.1', () => {
      socket.write(
        `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n${lines}content-length: ${call.body.length}\r\n\r\n{"js`,
        () => socket.destroy(),
      );
    });
    socket.on('close', () => resolve());
  });
  expect((await send(t.port, call)).status).toBe(200);
  expect([t.core.seen.length, t.edge.status()]).toMatchObject([1, { calls: 0, streams: 0 }]);
  await t.edge.close(0);
});
