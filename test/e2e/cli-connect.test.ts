import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { everythingOverStdio } from '../fixtures/start-everything.ts';
import { NODE, type Program, startProgram } from '../fixtures/start-program.ts';
import { BIN, type CliRun, runCli } from './run-cli.ts';

/** What a stranger does: start, add a server, register an agent, connect a client, call, look at the record. */
let home = '';
let data = '';
let env: Record<string, string> = {};
let gateway: Program<{ mcpUrl: string; adminToken: string; dataDir: string }>;
const cli = (...args: string[]): Promise<CliRun> => runCli(args, { cwd: home, env });

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sallyport-first-'));
  data = join(home, 'data');
  env = { HOME: home, SALLYPORT_DATA_DIR: data };
  await mkdir(join(home, 'policies'));
  await writeFile(
    join(home, 'policies', 'all.cedar'),
    '@id("deploys")\npermit(principal == Agent::"deploy-agent", action, resource);\n',
  );
  await writeFile(
    join(home, 'sallyport.yaml'),
    'gateway: { port: 0 }\nadmin: { port: 0 }\nlog: { level: warn }\nservers: {}\n',
  );
  gateway = await startProgram(NODE, [BIN, 'up', '--config', 'sallyport.yaml'], {
    cwd: home,
    env,
    timeoutMs: 60_000,
  });
}, 120_000);
afterAll(async () => {
  await gateway?.close();
  await rm(home, { recursive: true, force: true });
});

interface Entry {
  command: string;
  args: string[];
}

async function connected(entry: Entry, modern: boolean): Promise<Client> {
  const client = new Client(
    { name: 'first-client', version: '1.0.0' },
    modern ? { versionNegotiation: { mode: { pin: '2026-07-28' } } } : {},
  );
  await client.connect(
    new StdioClientTransport({ ...entry, env: { HOME: home, PATH: process.env['PATH'] ?? '' } }),
  );
  return client;
}

describe('from nothing to a governed call', () => {
  let entry: Entry;

  test('a server and an agent are there after one command each', async () => {
    const { command, args } = everythingOverStdio();
    const added = await cli('server', 'add', 'fixture', '--json', '--', command, ...args);
    expect([added.code, added.json['state']]).toEqual([0, 'ready']);
    const agent = await cli('agent', 'register', 'deploy-agent', '--owner', 'alice@example.com');
    expect(agent.code).toBe(0);
    expect(agent.stdout).toContain('Next: sallyport connect claude-code --agent deploy-agent');
  }, 120_000);

  test('connect asks, and without an answer changes nothing', async () => {
    const original = '{\n  // mine\n  "numStartups": 3\n}\n';
    await writeFile(join(home, '.claude.json'), original);
    const refused = await cli('connect', 'claude-code', '--agent', 'deploy-agent');
    expect([refused.code, refused.stdout.includes('+')]).toEqual([1, true]);
    expect(await readFile(join(home, '.claude.json'), 'utf8')).toBe(original);
    const done = await cli('connect', 'claude-code', '--agent', 'deploy-agent', '--yes', '--json');
    expect(done.json).toMatchObject({ client: 'claude-code', changed: true });
    const text = await readFile(join(home, '.claude.json'), 'utf8');
    expect(text).toContain('// mine');
    expect(text).not.toContain(gateway.ready.adminToken);
    entry = (JSON.parse(text.replace('// mine', '')) as { mcpServers: { sallyport: Entry } })
      .mcpServers.sallyport;
    expect(entry.args.slice(-5)).toEqual(['stdio', '--agent', 'deploy-agent', '--data-dir', data]);
  }, 60_000);

  test.each([
    ['a client of the session era', false],
    ['a client of 2026-07-28', true],
  ])(
    '%s calls a tool through what connect wrote',
    async (_what, modern) => {
      const client = await connected(entry, modern);
      try {
        const { tools } = await client.listTools();
        expect(tools.map(({ name }) => name)).toContain('fixture__test_simple_text');
        const result = await client.callTool({
          name: 'fixture__test_simple_text',
          arguments: {},
        });
        expect(JSON.stringify(result.content)).toContain('text');
        const region = { region: 'grüße', verbose: true };
        const headers = await client.callTool({
          name: 'fixture__test_custom_headers',
          arguments: region,
        });
        expect(headers.isError).not.toBe(true);
        await expect(
          client.callTool({ name: 'fixture__nothing', arguments: {} }),
        ).rejects.toThrow();
      } finally {
        await client.close();
      }
    },
    60_000,
  );

  test('the call is on record and the log verifies', async () => {
    const tail = await cli(
      'audit',
      'tail',
      '-n',
      '50',
      '--jsonl',
      '--type',
      'decision',
      '--agent',
      'deploy-agent',
    );
    const calls = tail.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(calls).toContainEqual(
      expect.objectContaining({ server: 'fixture', target: 'test_simple_text', effect: 'allow' }),
    );
    expect((await cli('audit', 'verify')).code).toBe(0);
  }, 60_000);

  test('a suspended agent gets no further, in words its user can read', async () => {
    await cli('agent', 'suspend', 'deploy-agent', '--reason', 'try it');
    await expect(connected(entry, false)).rejects.toThrow(/gives this agent no token/);
    await cli('agent', 'activate', 'deploy-agent', '--reason', 'try it');
  }, 60_000);

  test('a client goes on through the same shim after the gateway came back on another port', async () => {
    const client = await connected(entry, false);
    try {
      await client.listTools();
      await gateway.close();
      gateway = await startProgram(NODE, [BIN, 'up', '--config', 'sallyport.yaml'], {
        cwd: home,
        env,
        timeoutMs: 60_000,
      });
      const result = await client.callTool({ name: 'fixture__test_simple_text', arguments: {} });
      expect(JSON.stringify(result.content)).toContain('text');
    } finally {
      await client.close();
    }
  }, 120_000);

  test('undo brings the client’s file back byte for byte', async () => {
    const undone = await cli('connect', 'claude-code', '--undo', '--yes', '--json');
    expect(undone.json).toMatchObject({ restored: true, exact: true });
    expect(await readFile(join(home, '.claude.json'), 'utf8')).toBe(
      '{\n  // mine\n  "numStartups": 3\n}\n',
    );
    expect((await cli('connect', 'claude-code', '--undo', '--yes')).code).toBe(1);
  }, 60_000);

  test('without a gateway the client is told why, as an answer to its first request', async () => {
    await gateway.close();
    const started = await runCli(['stdio', '--agent', 'deploy-agent'], {
      cwd: home,
      env,
      input: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}\n',
    });
    expect(JSON.parse(started.stdout)).toMatchObject({
      id: 1,
      error: { data: { kind: 'unreachable' } },
    });
    expect(started.stderr).toContain('sallyport up');
    const nobody = await runCli(['stdio', '--agent', 'nobody'], {
      cwd: home,
      env,
      input: '{"jsonrpc":"2.0","id":"a","method":"initialize","params":{}}\n',
    });
    expect([nobody.code, (JSON.parse(nobody.stdout) as { id: string }).id]).toEqual([4, 'a']);
  }, 60_000);
});
