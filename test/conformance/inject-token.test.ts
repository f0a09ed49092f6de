import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { injectToken } from './inject-token.ts';

const closing: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function target(
  handle: (req: IncomingMessage, res: ServerResponse) => void,
): Promise<{ host: string; url: string; proxied: string; proxyHost: string }> {
  const server: Server = createServer(handle);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy = await injectToken(`http://${host}`, 'secret');
  closing.push(proxy.close);
  const proxied = proxy.urlFor(`http://${host}/mcp/a?b=1`);
  return { host, url: `http://${host}/mcp/a?b=1`, proxied, proxyHost: new URL(proxied).host };
}

/** fetch would not let us choose Host. */
function get(url: string, headers: Record<string, string>): Promise<IncomingMessage> {
  return new Promise((done, failed) => {
    request(url, { headers }, done).on('error', failed).end();
  });
}

test('the token is added, and the address of the proxy becomes that of the target', async () => {
  const seen: IncomingMessage[] = [];
  const { host, proxied, proxyHost } = await target((req, res) => {
    seen.push(req);
    res.end();
  });
  (await get(proxied, { origin: `http://${proxyHost}`, 'x-own': 'kept' })).resume();
  expect(seen[0]?.url).toBe('/mcp/a?b=1');
  expect(seen[0]?.headers).toMatchObject({
    authorization: 'Bearer secret',
    host,
    origin: `http://${host}`,
    'x-own': 'kept',
  });
});

test('a foreign Host and Origin reach the target as they came', async () => {
  const seen: IncomingMessage[] = [];
  const { proxied } = await target((req, res) => {
    seen.push(req);
    res.end();
  });
  (await get(proxied, { host: 'evil.example', origin: 'http://evil.example' })).resume();
  expect(seen[0]?.headers).toMatchObject({ host: 'evil.example', origin: 'http://evil.example' });
});

test('an event stream arrives event by event, and a client that leaves is noticed', async () => {
  let left: () => void = () => {};
  const gone = new Promise<void>((done) => {
    left = done;
  });
  let answer: ServerResponse | undefined;
  const { proxied } = await target((_req, res) => {
    answer = res;
    res.on('close', left);
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.flushHeaders();
  });
  const response = await get(proxied, {});
  expect(response.headers['content-type']).toBe('text/event-stream');
  const events = response[Symbol.asyncIterator]();
  for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
    answer?.write(event);
    expect(String((await events.next()).value)).toBe(event);
  }
  response.destroy();
  await gone;
});
