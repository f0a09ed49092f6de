import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { modernClient } from './raw-client.ts';
import { echo, type ScriptedServer, startScripted } from './scripted-http-server.ts';
import { createTestApp, PERMIT_ALL, type TestApp } from './test-app.ts';

describe('reading the configuration again', () => {
  let server: ScriptedServer;
  let app: TestApp;
  beforeAll(async () => {
    server = await startScripted({ era: 'modern', tools: { echo } });
    app = await createTestApp({ servers: { s: server.entry } });
  });
  afterAll(async () => {
    await app.close();
    await server.close();
  });

  async function change(more: (config: Record<string, object>) => object): Promise<() => unknown> {
    const file = app.app.configFile ?? '';
    const before = await readFile(file, 'utf8');
    const config = parse(before) as Record<string, object>;
    await writeFile(file, stringify({ ...config, ...more(config) }));
    return () => writeFile(file, before);
  }
  const facts = () => ({
    servers: app.app.pool.status().map(({ server }) => server),
    config: Object.keys(app.app.config().servers),
    agents: app.app.identity.registry.list().map(({ name }) => name),
    blueprints: app.app.identity.blueprints.list().map(({ name }) => name),
    policies: app.app.policy.version(),
  });
  const grown = (config: Record<string, object>) => ({
    servers: { ...config['servers'], t: server.entry },
    agents: { ...config['agents'], late: { owner: 'tester@example.com' } },
    blueprints: { kind: { purpose: 'made at the reload' } },
  });

  it.each([
    [
      'an invalid agent',
      () => ({ agents: { first: { owner: 'a@example.com' }, bad: { owner: 'nobody' } } }),
      'IDENTITY_INVALID',
    ],
    [
      'an invalid blueprint',
      () => ({ blueprints: { ok: { purpose: 'p' }, bad: { purpose: ' ' } } }),
      'IDENTITY_INVALID',
    ],
    [
      'a secret that is not there',
      () => ({ servers: { t: { command: 'x', env: { A: { env: 'NOT_SET_ANYWHERE' } } } } }),
      'CONFIG_SECRET_UNRESOLVED',
    ],
    [
      'a policy directory that is not there',
      () => ({ policies: { dir: 'missing' } }),
      'POLICY_DIRECTORY_UNREADABLE',
    ],
  ])('%s changes nothing', async (_, wrong, code) => {
    const before = facts();
    const restore = await change((config) => ({ ...grown(config), ...wrong() }));
    await expect(app.app.reload()).rejects.toMatchObject({ code });
    expect(facts()).toEqual(before);
    await restore();
  });

  it('a policy with an error changes nothing, is told and is recorded', async () => {
    const before = facts();
    const restore = await change(grown);
    await app.writePolicy('@id("bad") forbid(principal, action == s::Action::"ecko", resource);');
    await expect(app.app.reload()).rejects.toMatchObject({ code: 'POLICY_INVALID' });
    expect(facts()).toEqual(before);
    expect((await app.records()).map(({ detail }) => detail?.['reason'])).toContain(
      'refused: the policies in force stay',
    );
    await app.writePolicy(PERMIT_ALL);
    await restore();
  });

  it('what is right comes into force as one, and two at a time follow each other', async () => {
    await change(grown);
    await Promise.all([app.app.reload(), app.app.reload()]);
    expect(facts()).toMatchObject({
      servers: ['s', 't'],
      config: ['s', 't'],
      agents: ['late', 'tester'],
      blueprints: ['kind'],
    });
    await app.app.policy.idle();
    const client = modernClient(app.url('s'), app.token());
    expect((await client.call('echo', { text: 'still' })).text).toContain('still');
  });
});
