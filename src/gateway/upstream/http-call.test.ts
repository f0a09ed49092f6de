import { describe, expect, it } from 'vitest';
import { failure, json, modern, openSse, result, type Script } from './fixtures/http-fixture.ts';
import { closeLater, code, echo, start } from './fixtures/http-rig.ts';
import { createRig, http, tool, until } from './fixtures/rig.ts';

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
    const failed = connection.request(
      tool('x', {}, { timeoutMs: expected === 'GW_UPSTREAM_TIMEOUT' ? 200 : 10_000 }),
    );
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
    closeLater(() => byName.pool.close());
    await expect(byName.connect()).rejects.toMatchObject({
      message: expect.stringContaining('private'),
    });
  });
});
