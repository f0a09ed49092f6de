import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  INITIALIZE,
  modern,
  modernHeaders,
  POST_HEADERS,
  rpc,
  send,
  startEdge,
  type TestEdge,
} from './test-edge.ts';

let t: TestEdge;
beforeEach(async () => {
  t = await startEdge({
    limits: { maxBodyBytes: 2_000, maxFormBytes: 100 },
    wellKnown: async (request) =>
      request.path.startsWith('/token')
        ? {
            status: 200,
            headers: { 'content-type': 'text/plain', 'cache-control': 'no-store' },
            body: `${request.method} ${request.body}`,
          }
        : undefined,
  });
});
afterEach(() => t.edge.close(0));

/** Writes bytes as they are and returns all that comes back. */
function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let out = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      out += chunk;
    });
    socket.on('close', () => resolve(out));
    socket.on('error', reject);
  });
}
const body = modern('tools/list');
const lines = (extra: string[]): string =>
  [
    'POST /mcp HTTP/1.1',
    'Host: 127.0.0.1',
    'Authorization: Bearer alice',
    'Content-Type: application/json',
    'Connection: close',
    'MCP-Protocol-Version: 2026-07-28',
    'Mcp-Method: tools/list',
    ...extra,
    '',
    '',
  ].join('\r\n');

describe('who may reach the gateway', () => {
  test.each([
    ['evil.example.com', 403],
    ['127.0.0.1', 200],
    ['127.0.0.1:9999', 200],
    ['GW.example:8443', 200],
    ['gw.example', 403],
    ['gw.example:1', 403],
    ['127.0.0.1.evil.example', 403],
  ])('Host %s answers %i', async (host, status) => {
    const answer = await send(t.port, { headers: { ...modernHeaders('tools/list'), host }, body });
    expect(answer.status).toBe(status);
    expect(t.core.admitted.length).toBe(status === 200 ? 1 : 0);
  });

  test.each([
    ['https://app.example', 200],
    ['http://localhost:5173', 200],
    ['http://localhost', 200],
    ['https://localhost:1', 403],
    ['https://evil.example', 403],
    ['null', 403],
    ['https://app.example.evil', 403],
    ['https://app.example:444', 403],
  ])('Origin %s answers %i', async (origin, status) => {
    const answer = await send(t.port, {
      headers: { ...modernHeaders('tools/list'), origin },
      body,
    });
    expect(answer.status).toBe(status);
    expect(answer.headers['access-control-allow-origin']).toBe(status === 200 ? origin : undefined);
  });

  test('a preflight of an allowed origin is answered without admission and lists only our headers', async () => {
    const headers = {
      origin: 'https://app.example',
      'access-control-request-headers': 'authorization, mcp-param-region, x-evil',
    };
    const answer = await send(t.port, { method: 'OPTIONS', headers });
    expect([answer.status, answer.headers['access-control-allow-headers']]).toEqual([
      204,
      'authorization, mcp-param-region',
    ]);
    expect(t.core.admitted).toEqual([]);
  });
});

describe('shape of a request', () => {
  test('bodies over the limit are refused by their length and by their bytes', async () => {
    const big = 'x'.repeat(3_000);
    expect((await send(t.port, { headers: POST_HEADERS, body: big })).status).toBe(413);
    const chunked = await send(t.port, {
      headers: { ...POST_HEADERS, 'transfer-encoding': 'chunked' },
      body: big,
    });
    expect(chunked.status).toBe(413);
    expect(t.core.seen).toEqual([]);
  });

  test.each([
    ['text/plain', 415],
    ['application/json; charset=latin1', 415],
    ['application/json-patch+json', 415],
    ['application/json;charset=UTF-8', 200],
    ['Application/JSON', 200],
  ])('Content-Type %s answers %i', async (type, status) => {
    expect(
      (
        await send(t.port, {
          headers: { ...modernHeaders('tools/list'), 'content-type': type },
          body,
        })
      ).status,
    ).toBe(status);
  });

  test.each([
    ['text/html', 406],
    ['application/json', 200],
    ['*/*', 200],
    ['application/json;q=0, text/html', 406],
    ['text/event-stream', 200],
  ])('Accept %s answers %i', async (accept, status) => {
    const answer = await send(t.port, {
      headers: { ...modernHeaders('tools/list'), accept },
      body,
    });
    expect(answer.status).toBe(status);
    if (accept === 'text/event-stream')
      expect(answer.headers['content-type']).toBe('text/event-stream');
  });

  test('compressed bodies, tokens in the URL and unknown methods are refused', async () => {
    const headers = modernHeaders('tools/list');
    expect(
      (await send(t.port, { headers: { ...headers, 'content-encoding': 'gzip' }, body })).status,
    ).toBe(415);
    expect((await send(t.port, { path: '/mcp?access_token=x', headers, body })).status).toBe(400);
    const put = await send(t.port, { method: 'PUT', headers, body });
    expect([put.status, put.headers['allow']]).toEqual([405, 'POST, GET, DELETE']);
  });

  test.each([
    ['not JSON', '{', -32700],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22]), -32700],
    ['empty', '', -32700],
    ['duplicate key', '{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}', -32600],
    ['lone surrogate', '{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', -32700],
    ['byte order mark', `\ufeff${body}`, -32700],
    ['an array', `[${body}]`, -32600],
    ['a scalar', '1', -32600],
  ])('%s never reaches the core', async (_name, text, code) => {
    const answer = await send(t.port, { headers: modernHeaders('tools/list'), body: text });
    expect([answer.status, answer.json.error.code]).toEqual([400, code]);
    expect(t.core.seen).toEqual([]);
  });

  test.each([
    ['Mcp-Method', 'Mcp-Method: tools/list'],
    ['Mcp-Session-Id', 'Mcp-Session-Id: a\r\nMcp-Session-Id: b'],
    ['Authorization', 'Authorization: Bearer bob'],
    ['Mcp-Param', 'Mcp-Param-A: 1\r\nmcp-param-a: 2'],
    ['Content-Type', 'Content-Type: application/json'],
    ['Host', 'Host: 127.0.0.1'],
    ['Content-Length', `Content-Length: ${body.length}`],
  ])('a repeated %s is refused', async (_name, extra) => {
    const out = await raw(t.port, `${lines([extra, `Content-Length: ${body.length}`])}${body}`);
    expect(out).toMatch(/^HTTP\/1\.1 400 /);
    expect(t.core.seen).toEqual([]);
  });

  test.each([
    ['both lengths', ['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n'],
    ['an odd transfer coding', ['Transfer-Encoding: xchunked'], '0\r\n\r\n'],
    ['a signed length', ['Content-Length: +5'], 'abcde'],
    ['a folded header', ['X-A: b', ' Mcp-Name: x', `Content-Length: ${body.length}`], body],
    ['a blank before the colon', [`Content-Length : ${body.length}`], body],
    ['a bare line feed', [`X-A: b\nMcp-Name: x`, `Content-Length: ${body.length}`], body],
    ['a NUL in a value', ['X-A: \0', `Content-Length: ${body.length}`], body],
    [
      'headers over the limit',
      [`X-A: ${'a'.repeat(20_000)}`, `Content-Length: ${body.length}`],
      body,
    ],
  ])('smuggling by %s is refused', async (_name, extra, text) => {
    const out = await raw(t.port, lines(extra) + text);
    expect(out === '' || /^HTTP\/1\.1 4\d\d /.test(out)).toBe(true);
    expect(t.core.seen).toEqual([]);
  });

  test('the same request well formed passes', async () => {
    const out = await raw(t.port, `${lines([`Content-Length: ${body.length}`])}${body}`);
    expect(out).toMatch(/^HTTP\/1\.1 200 /);
    expect(t.core.seen).toHaveLength(1);
  });
});

describe('paths', () => {
  test('probes need neither Host nor token', async () => {
    const headers = { host: '10.0.0.7:8080' };
    expect((await send(t.port, { method: 'GET', path: '/livez', headers })).text).toBe('ok');
    expect((await send(t.port, { method: 'GET', path: '/readyz', headers })).status).toBe(200);
  });

  test('other paths belong to the OAuth handler, within its own size', async () => {
    const answer = await send(t.port, {
      path: '/token?x=1',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'a=b',
    });
    expect([answer.status, answer.text, answer.headers['cache-control']]).toEqual([
      200,
      'POST a=b',
      'no-store',
    ]);
    expect(
      (await send(t.port, { path: '/token', headers: {}, body: 'x'.repeat(200) })).status,
    ).toBe(413);
    expect((await send(t.port, { method: 'GET', path: '/nothing', headers: {} })).status).toBe(404);
    expect(
      (await send(t.port, { method: 'GET', path: '/nothing', headers: { host: 'evil' } })).status,
    ).toBe(403);
  });

  test('an unknown server looks like no endpoint, and only to those who are admitted', async () => {
    const headers = modernHeaders('tools/list');
    expect((await send(t.port, { path: '/mcp/files', headers, body })).status).toBe(200);
    expect(t.core.seen[0]?.downstream.endpoint).toEqual({ kind: 'server', server: 'files' });
    expect(t.core.admitted[0]?.resource).toBe('https://gw.example/mcp/files');
    expect((await send(t.port, { path: '/mcp/hidden', headers, body })).status).toBe(404);
    expect(
      (
        await send(t.port, {
          path: '/mcp/hidden',
          headers: { ...headers, authorization: '' },
          body,
        })
      ).status,
    ).toBe(401);
  });
});

describe('admission', () => {
  const cases: Array<
    ['insufficient_scope' | 'invalid_token' | 'invalid_request' | undefined, number]
  > = [
    ['insufficient_scope', 403],
    ['invalid_token', 401],
    ['invalid_request', 400],
    [undefined, 401],
  ];
  test.each(cases)('refusal %s is %i with a challenge', async (error, status) => {
    for (const asynchronous of [false, true]) {
      const refusal = {
        refused: true as const,
        reason: 'r',
        ...(error === undefined ? {} : { error }),
      };
      t.core.verdict = () => (asynchronous ? Promise.resolve(refusal) : refusal);
      for (const method of ['POST', 'GET', 'DELETE']) {
        const answer = await send(t.port, {
          method,
          headers: { ...POST_HEADERS },
          ...(method === 'POST' ? { body: INITIALIZE('2025-11-25') } : {}),
        });
        expect([answer.status, answer.headers['www-authenticate']]).toEqual([
          status,
          `Bearer error="${error ?? ''}"`,
        ]);
      }
    }
    expect(t.core.seen).toEqual([]);
  });

  test('every request is admitted again, pings and notifications included', async () => {
    const opened = await send(t.port, { body: INITIALIZE('2025-11-25') });
    const headers = { ...POST_HEADERS, 'mcp-session-id': String(opened.headers['mcp-session-id']) };
    await send(t.port, { headers, body: rpc('ping') });
    await send(t.port, { headers, body: '{"jsonrpc":"2.0","method":"notifications/initialized"}' });
    await send(t.port, { method: 'DELETE', headers });
    expect(t.core.admitted.map((credential) => credential.method)).toEqual([
      'POST',
      'POST',
      'POST',
      'DELETE',
    ]);
    expect(new Set(t.core.admitted.map((credential) => credential.resource))).toEqual(
      new Set(['https://gw.example/mcp']),
    );
  });

  test('an admission that fails to run denies', async () => {
    for (const fault of [
      () => {
        throw new Error('secret-dsn');
      },
      () => Promise.reject(new Error('secret-dsn')),
    ]) {
      t.core.verdict = fault;
      const answer = await send(t.port, { headers: modernHeaders('tools/list'), body });
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
      expect(answer.text).not.toContain('secret-dsn');
    }
    expect(t.core.seen).toEqual([]);
  });
});

test('a body of very many small values is refused before anything is made of them', async () => {
  await t.edge.close(0);
  t = await startEdge({ limits: { maxValues: 1_000 } });
  const call = (count: number) =>
    send(t.port, {
      headers: modernHeaders('tools/call', 'echo'),
      body: modern('tools/call', { name: 'echo', arguments: { list: Array(count).fill(1) } }),
    });
  expect((await call(900)).status).toBe(200);
  const refused = await call(1_000);
  expect(refused.status).toBe(400);
  expect(refused.text).toContain('too many values');
  expect(t.core.seen).toHaveLength(1);
});
