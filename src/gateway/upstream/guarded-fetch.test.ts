import type { LookupAddress } from 'node:dns';
import { expect, test } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import type { ResolvePort } from './address-guard.ts';
import { json, type Script, startHttp } from './fixtures/http-fixture.ts';
import { closeLater } from './fixtures/http-rig.ts';
import { createGuardedFetch, type GuardedRequest } from './guarded-fetch.ts';

const GET: GuardedRequest = { method: 'GET', headers: {}, allowPrivate: true };

async function serve(script: Script): Promise<string> {
  const server = await startHttp(script);
  closeLater(() => server.close());
  return server.url;
}

function fetcher(resolve?: ResolvePort) {
  const guarded = createGuardedFetch({
    clock: systemClock,
    ...(resolve === undefined ? {} : { resolve }),
  });
  closeLater(() => guarded.close());
  return guarded.send;
}

const names =
  (...addresses: string[]): ResolvePort =>
  (_host, _options, answer) =>
    answer(
      null,
      addresses.map((address): LookupAddress => ({ address, family: 4 })),
    );

test('gives the whole answer, whatever its status', async () => {
  const url = await serve((seen, response) =>
    json(response, 418, { verb: seen.verb, type: seen.headers['content-type'] }),
  );
  const response = await fetcher()(url, {
    ...GET,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect(response.status).toBe(418);
  expect(await response.json()).toEqual({ verb: 'POST', type: 'application/json' });
});

test('follows no redirect', async () => {
  let reached = 0;
  const target = await serve((_seen, response) => {
    reached++;
    json(response, 200, {});
  });
  const url = await serve((_seen, response) => {
    response.writeHead(302, { location: target }).end();
  });
  expect((await fetcher()(url, GET)).status).toBe(302);
  expect(reached).toBe(0);
});

test('reads no more than 256 KiB', async () => {
  const url = await serve((_seen, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('x'.repeat(300 * 1024));
  });
  await expect(fetcher()(url, GET)).rejects.toThrow('more than');
});

test('asks no private address unless that is meant, and never the metadata service', async () => {
  let reached = 0;
  const url = await serve((_seen, response) => {
    reached++;
    json(response, 200, {});
  });
  const port = new URL(url).port;
  await expect(fetcher()(url, { ...GET, allowPrivate: false })).rejects.toThrow('not https');
  const refused: [string, GuardedRequest][] = [
    [`https://127.0.0.1:${port}/`, { ...GET, allowPrivate: false }],
    [`https://[::1]:${port}/`, { ...GET, allowPrivate: false }],
    [`https://10.0.0.1/`, { ...GET, allowPrivate: false }],
    ['http://169.254.169.254/latest/meta-data', GET],
  ];
  for (const [address, request] of refused)
    await expect(fetcher()(address, request), address).rejects.toThrow('private or local');
  await expect(
    fetcher(names('127.0.0.1'))(`https://as.example.com:${port}/`, { ...GET, allowPrivate: false }),
  ).rejects.toThrow('may not be asked');
  expect(reached).toBe(0);
  await fetcher(names('127.0.0.1'))(`http://as.example.com:${port}/`, GET);
  expect(reached).toBe(1);
});

test('sends nothing in the clear to a public address', async () => {
  await expect(fetcher()('http://93.184.216.34/', GET)).rejects.toThrow('public and not https');
  await expect(fetcher(names('93.184.216.34'))('http://as.example.com/', GET)).rejects.toThrow(
    'may not be asked',
  );
});

test.each(['ftp://as.example.com/', 'file:///etc/passwd', 'not a url', 'https://u:p@a.example/'])(
  'asks nothing at %s',
  async (url) => {
    await expect(fetcher()(url, GET)).rejects.toThrow('the address');
  },
);

test('says that a connection failed without saying where', async () => {
  const error = await fetcher()('http://127.0.0.1:1/', GET).then(
    () => undefined,
    (reason: Error) => reason,
  );
  expect(error?.message).toBe('the connection failed (ECONNREFUSED)');
});
