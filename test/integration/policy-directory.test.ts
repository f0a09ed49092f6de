import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { modernClient, until } from './raw-client.ts';
import { echo, type ScriptedServer, startScripted } from './scripted-http-server.ts';
import { createTestApp, type TestApp } from './test-app.ts';

let app: TestApp;
let server: ScriptedServer;
afterEach(async () => {
  await app.close();
  await server.close();
});

async function start() {
  server = await startScripted({ era: 'modern', tools: { echo } });
  app = await createTestApp({ servers: { s: server.entry } });
  const client = modernClient(app.url('s'), app.token());
  return () => client.request('tools/call', { name: 'echo', arguments: { text: 'hi' } });
}

it('an empty policy directory denies everything', async () => {
  const call = await start();
  expect((await call()).result).not.toHaveProperty('isError');
  await app.writePolicy(undefined);
  await until(async () =>
    (await app.records()).some(({ detail }) => detail?.['reason'] === 'files changed'),
  );
  const reached = server.calls.length;
  expect(JSON.stringify(await call())).toContain('Unknown tool');
  expect(server.calls).toHaveLength(reached);
});

it('a policy directory that is gone leaves the last good policies in force, and is recorded as a fault', async () => {
  const call = await start();
  const home = dirname(app.app.data.path);
  await rm(join(home, 'policies'), { recursive: true });
  await until(async () =>
    (await app.records()).some(({ effect }) => effect === 'policy_unreadable'),
  );
  expect((await call()).result).not.toHaveProperty('isError');
});
