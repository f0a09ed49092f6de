import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { everythingOverStdio } from '../fixtures/start-everything.ts';
import { type RunningGateway, startGateway } from '../fixtures/start-gateway.ts';
import { NODE } from '../fixtures/start-program.ts';
import { type CliRun, runCli } from './run-cli.ts';

let home = '';
let gateway: RunningGateway;
const TIMEOUT = 60_000;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sallyport-cli-'));
  gateway = await startGateway({ servers: { fixture: everythingOverStdio() } });
}, 120_000);
afterAll(async () => {
  await gateway?.close();
  await rm(home, { recursive: true, force: true });
});

const cli = (...args: string[]): Promise<CliRun> =>
  runCli([...args], {
    cwd: home,
    env: {
      HOME: home,
      SALLYPORT_DATA_DIR: gateway.dataDir,
      SALLYPORT_ADMIN_PORT: '0',
      SALLYPORT_GATEWAY_PORT: '0',
    },
  });
/** On a data directory where nothing runs and nothing is. */
const alone = (...args: string[]): Promise<CliRun> =>
  runCli([...args], { cwd: home, env: { HOME: home, SALLYPORT_DATA_DIR: join(home, 'nothing') } });

describe('commands that ask the running gateway', () => {
  test.each([
    [['status'], ['version', 'mcpUrl', 'ready', 'audit', 'edge']],
    [['version'], ['version', 'gateway', 'node']],
    [['server', 'list'], ['servers']],
    [
      ['server', 'show', 'fixture', '--config', 'CONFIG'],
      ['name', 'state', 'tools'],
    ],
    [['agent', 'list'], ['agents']],
    [
      ['agent', 'show', 'tester'],
      ['name', 'keys', 'bootstrapTokens'],
    ],
    [
      ['policy', 'status'],
      ['version', 'policies', 'problems'],
    ],
    [
      ['policy', 'check'],
      ['ok', 'policies', 'problems'],
    ],
    [
      [
        'policy',
        'explain',
        'test_simple_text',
        '--agent',
        'tester',
        '--server',
        'fixture',
        '--args',
        '{}',
      ],
      ['decision', 'holding', 'nearMisses'],
    ],
    [
      ['audit', 'query', '--limit', '5'],
      ['records', 'next'],
    ],
    [
      ['audit', 'verify'],
      ['ok', 'records', 'head', 'problem'],
    ],
    [['login'], ['code', 'url', 'expiresInSeconds']],
    [
      ['agent', 'token', 'tester', '--life', '5m'],
      ['id', 'token', 'expiresAt'],
    ],
    [
      ['config', 'check', '--config', 'CONFIG'],
      ['ok', 'file'],
    ],
    [
      ['config', 'print', '--config', 'CONFIG'],
      ['gateway', 'servers'],
    ],
    [['config', 'schema'], ['properties']],
    [['errors'], ['errors']],
    [['connect', '--list'], ['clients']],
  ])(
    '%j answers with one JSON document and exit code 0',
    async (args, keys) => {
      const run = await cli(
        ...args.map((word) => (word === 'CONFIG' ? gateway.configFile : word)),
        '--json',
      );
      expect(run.stderr).toBe('');
      expect(run.code).toBe(0);
      expect(run.stdout.trim().split('\n')).toHaveLength(1);
      expect(Object.keys(run.json)).toEqual(expect.arrayContaining(keys));
    },
    TIMEOUT,
  );

  test(
    'an agent goes through its states, each with a reason, and every change is on record',
    async () => {
      const registered = await cli(
        'agent',
        'register',
        'deploy',
        '--owner',
        'a@example.com',
        '--json',
      );
      expect(registered.json).toMatchObject({
        agent: { name: 'deploy', state: 'active', liveKeys: 1 },
      });
      for (const verb of ['suspend', 'activate', 'quarantine', 'release', 'revoke', 'retire']) {
        expect((await cli('agent', verb, 'deploy')).code, verb).toBe(2);
        const run = await cli('agent', verb, 'deploy', '--reason', `try ${verb}`, '--json');
        expect([verb, run.code, run.stderr]).toEqual([verb, 0, '']);
      }
      const again = await cli('agent', 'activate', 'deploy', '--reason', 'try it');
      expect(again.code).toBe(4);
      expect(again.stderr).toContain('IDENTITY_TRANSITION_REFUSED');
      const records = await cli('audit', 'query', '--type', 'admin', '--limit', '100', '--jsonl');
      for (const verb of ['suspend', 'quarantine', 'revoke', 'retire'])
        expect(records.stdout).toContain(`try ${verb}`);
      expect(records.stdout).toContain('"channel":"cli"');
    },
    TIMEOUT,
  );

  test('a server is added, found, switched off and removed, and comments of the file stay', async () => {
    const before = `# written by hand\n${await readFile(gateway.configFile, 'utf8')}`;
    await writeFile(gateway.configFile, before);
    const { command, args } = everythingOverStdio();
    const added = await cli('server', 'add', 'second', '--json', '--', command, ...args);
    expect(added.stderr).toBe('');
    expect(added.json).toMatchObject({ added: 'second', running: true, state: 'ready' });
    expect((added.json['tools'] as { name: string }[]).map(({ name }) => name)).toContain(
      'test_simple_text',
    );
    expect(await readFile(gateway.configFile, 'utf8')).toMatch(/^# written by hand\n/);
    expect(await readFile(`${gateway.configFile}.bak`, 'utf8')).toBe(before);
    expect((await cli('server', 'add', 'second', '--', 'x')).code).toBe(2);
    expect((await cli('server', 'disable', 'second', '--json')).code).toBe(0);
    const listed = (await cli('server', 'list', '--json')).json['servers'] as {
      name: string;
      enabled: boolean;
    }[];
    expect(listed.find(({ name }) => name === 'second')?.enabled).toBe(false);
    expect((await cli('server', 'remove', 'second', '--json')).code).toBe(0);
    expect((await cli('server', 'remove', 'second')).code).toBe(2);
    expect(await readFile(gateway.configFile, 'utf8')).toBe(before);
  }, 120_000);

  test(
    'a change that would not be valid is not written',
    async () => {
      const before = await readFile(gateway.configFile, 'utf8');
      const run = await cli('server', 'add', 'Not_A_Name', '--', 'x');
      expect(run.code).toBe(2);
      expect(run.stderr).toContain('CONFIG_INVALID');
      expect(await readFile(gateway.configFile, 'utf8')).toBe(before);
    },
    TIMEOUT,
  );

  test(
    'a secret on the command line is refused, and never repeated',
    async () => {
      const run = await cli('server', 'add', 'x', '--env', 'API_TOKEN=hunter2hunter2', '--', 'x');
      expect(run.code).toBe(2);
      expect(run.stderr + run.stdout).not.toContain('hunter2');
    },
    TIMEOUT,
  );

  test(
    'explain ends with 3 for what would be denied',
    async () => {
      const run = await cli(
        'policy',
        'explain',
        'no_such_tool',
        '--agent',
        'tester',
        '--server',
        'fixture',
        '--json',
      );
      expect([run.code, (run.json['decision'] as { effect: string }).effect]).toEqual([3, 'deny']);
    },
    TIMEOUT,
  );
});

describe('commands without a gateway', () => {
  test.each([['status'], ['agent', 'list'], ['policy', 'status'], ['login']])(
    '%s %s ends with 5 and says what to do',
    async (...args) => {
      const run = await alone(...args.filter((word) => typeof word === 'string'));
      expect(run.code).toBe(5);
      expect(run.stderr).toContain('sallyport up');
      expect(run.stderr).toContain('CLI_NO_GATEWAY');
      expect(run.stdout).toBe('');
    },
    TIMEOUT,
  );

  test(
    'errors are JSON for programs',
    async () => {
      const run = await alone('status', '--json');
      expect(JSON.parse(run.stderr)).toMatchObject({ error: { code: 'CLI_NO_GATEWAY' } });
    },
    TIMEOUT,
  );

  test(
    'the log is read, searched, exported and verified from its files',
    async () => {
      const data = ['--data-dir', gateway.dataDir];
      const tail = await alone('audit', 'tail', '-n', '2', '--jsonl', ...data);
      expect(
        tail.stdout
          .trim()
          .split('\n')
          .map((line) => typeof (JSON.parse(line) as { seq: number }).seq),
      ).toEqual(['number', 'number']);
      const exported = await alone('audit', 'export', '--output', 'out.jsonl', '--json', ...data);
      expect(exported.code).toBe(0);
      const lines = (await readFile(join(home, 'out.jsonl'), 'utf8')).trim().split('\n');
      expect(exported.json['records']).toBe(lines.length);
      expect((await alone('audit', 'export', '--output', 'out.jsonl', ...data)).code).toBe(1);
      expect((await alone('audit', 'verify', ...data)).code).toBe(0);
    },
    TIMEOUT,
  );

  test(
    'a log that was changed fails verification with 3',
    async () => {
      const copy = join(home, 'copy');
      const { cp, readdir } = await import('node:fs/promises');
      await cp(join(gateway.dataDir, 'audit'), copy, {
        recursive: true,
        filter: (path) => !path.endsWith('lock'),
      });
      expect((await alone('audit', 'verify', '--dir', copy, '--json')).code).toBe(0);
      const segment =
        (await readdir(copy)).find((name) => name.endsWith('.jsonl')) ??
        (await readdir(copy)).sort()[0]!;
      const text = await readFile(join(copy, segment), 'utf8');
      await writeFile(join(copy, segment), text.replace('"reason":"start"', '"reason":"stort"'));
      const run = await alone('audit', 'verify', '--dir', copy, '--json');
      expect([run.code, run.json['ok']]).toEqual([3, false]);
    },
    TIMEOUT,
  );

  test(
    'policies are checked, tested and laid out',
    async () => {
      const dir = await mkdtemp(join(home, 'policies-'));
      await writeFile(join(dir, 'a.cedar'), '@id("a") permit(principal,action,resource);\n');
      expect((await alone('policy', 'check', dir, '--json')).code).toBe(0);
      expect((await alone('policy', 'format', dir, '--check')).code).toBe(1);
      expect((await alone('policy', 'format', dir)).code).toBe(0);
      expect((await alone('policy', 'format', dir, '--check', '--json')).code).toBe(0);
      expect((await alone('policy', 'test', dir)).code).toBe(1);
      await writeFile(join(dir, 'b.cedar'), 'permit(principal, action');
      const broken = await alone('policy', 'check', dir);
      expect(broken.code).toBe(1);
      expect(broken.stdout).toContain('b.cedar:1:');
    },
    TIMEOUT,
  );

  test(
    'mistakes of usage end with 2 and suggest what was meant',
    async () => {
      expect(await alone('agnet')).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('agent') as string,
      });
      expect((await alone('agent', 'lst')).code).toBe(2);
      expect((await alone('agent')).code).toBe(2);
      expect(await alone('connect', 'claude-cod')).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('claude-code') as string,
      });
      expect((await alone('up', '--port', 'x')).code).toBe(2);
      expect((await alone('audit', 'tail', '-n', 'x')).code).toBe(2);
      expect((await alone('--help')).code).toBe(0);
      expect((await alone()).code).toBe(0);
      expect((await alone('--version')).stdout.trim()).toMatch(/^\d+\.\d+\.\d+/);
      for (const shell of ['bash', 'zsh', 'fish', 'pwsh'])
        expect((await alone('completion', shell)).stdout).toContain('agent');
    },
    TIMEOUT,
  );

  test(
    'colours stay away from what is no terminal and from NO_COLOR',
    async () => {
      const plain = await alone('doctor');
      expect(plain.stdout).not.toContain('\u001b');
      const forced = await runCli(['doctor', '--data-dir', join(home, 'nothing')], {
        cwd: home,
        env: { HOME: home, FORCE_COLOR: '1' },
      });
      expect(forced.stdout).toContain('\u001b');
      const refused = await runCli(['doctor', '--data-dir', join(home, 'nothing')], {
        cwd: home,
        env: { HOME: home, FORCE_COLOR: '1', NO_COLOR: '1' },
      });
      expect(refused.stdout).not.toContain('\u001b');
    },
    TIMEOUT,
  );
});

describe('doctor', () => {
  test(
    'is content with a running gateway',
    async () => {
      const run = await cli('doctor', '--json', '--config', gateway.configFile);
      expect(
        (run.json['checks'] as { status: string }[]).filter(({ status }) => status === 'fail'),
      ).toEqual([]);
      expect(run.code).toBe(0);
      expect(run.stdout).toContain('server fixture');
    },
    TIMEOUT,
  );

  test(
    'fails, with the command that repairs it, for a token that others can read',
    async () => {
      const { chmod, mkdir } = await import('node:fs/promises');
      const data = join(home, 'open');
      await mkdir(data, { mode: 0o700 });
      await writeFile(join(data, 'admin-token'), 'x', { mode: 0o644 });
      await chmod(join(data, 'admin-token'), 0o644);
      const run = await alone('doctor', '--json', '--data-dir', data);
      expect(run.code).toBe(1);
      const checks = run.json['checks'] as { check: string; status: string; fix?: string }[];
      expect(checks.find(({ check }) => check === 'admin token')).toMatchObject({
        status: 'fail',
        fix: expect.stringContaining('rm ') as string,
      });
    },
    TIMEOUT,
  );

  test(
    'names the clients that go past the gateway',
    async () => {
      await writeFile(
        join(home, '.claude.json'),
        JSON.stringify({ mcpServers: { direct: { command: NODE, args: ['server.js'] } } }),
      );
      const run = await alone('doctor', '--json');
      expect(run.stdout).toContain('past the gateway: direct');
      await rm(join(home, '.claude.json'));
    },
    TIMEOUT,
  );
});
