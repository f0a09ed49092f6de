import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningGateway, startGateway } from '../fixtures/start-gateway.ts';
import { modernCall } from './modern-call.ts';
import { type RecordingUpstream, startRecordingUpstream } from './recording-upstream.ts';
import { type CliRun, runCli } from './run-cli.ts';

const POLICIES = `
@id("notes") permit(principal == Agent::"tester", action == notes::Action::"note", resource);
@id("no-thirteen") @reason("thirteen brings bad luck")
forbid(principal, action == notes::Action::"note", resource) when { context.input has n && context.input.n == 13 };
@id("large-notes") @approval("note-keepers, 15m") @reason("large notes are read by a person first")
forbid(principal, action == notes::Action::"note", resource) when { context.input has n && context.input.n > 100 };
@id("list") permit(principal, action in [Action::"list", Action::"listen"], resource);
`;

let upstream: RecordingUpstream;
let gateway: RunningGateway;
let home = '';

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sallyport-policy-'));
  upstream = await startRecordingUpstream();
  gateway = await startGateway({
    servers: { notes: { url: upstream.url, allowPrivate: true } },
    policies: POLICIES,
    agents: ['tester', 'other'],
    config: { audit: { bodies: 'arguments' } },
  });
}, 120_000);
afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
  await rm(home, { recursive: true, force: true });
});

const call = (n: number) =>
  modernCall(gateway.serverUrl('notes'), gateway.tokenFor('tester'), 'tools/call', {
    name: 'note',
    arguments: { n },
  });
const cli = (...args: string[]): Promise<CliRun> =>
  runCli(args, { cwd: home, env: { HOME: home, SALLYPORT_DATA_DIR: gateway.dataDir } });
const draft = async (text: string): Promise<string> => {
  const dir = await mkdtemp(join(home, 'draft-'));
  await writeFile(join(dir, 'test.cedar'), text);
  return dir;
};
const ask = (path: string, body: unknown, token = gateway.adminToken, headers = {}) =>
  fetch(`${gateway.adminUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers },
    body: JSON.stringify(body),
  });
const evaluation = (n: number, agent = 'tester') => ({
  subject: { type: 'agent', id: agent },
  action: { name: 'tools/call' },
  resource: { type: 'tool', id: 'notes/note' },
  context: { arguments: { n } },
});

describe('one agent, one tool, three values', () => {
  test('the first is allowed and reaches the server', async () => {
    const before = upstream.spans.size;
    const { result } = await call(1);
    expect(JSON.stringify(result)).toContain('noted');
    expect(upstream.spans.size).toBe(before + 1);
  });

  test('the second is denied with the sentence of the policy, and reaches nothing', async () => {
    const before = upstream.spans.size;
    const answer = await call(13);
    const said = JSON.stringify(answer);
    expect(said).toContain('thirteen brings bad luck');
    expect(said).not.toContain('noted');
    expect(upstream.spans.size).toBe(before);
  });

  test('the third is held, and says who may approve it and for how long', async () => {
    const before = upstream.spans.size;
    const said = JSON.stringify(await call(500));
    expect(said).toContain('large notes are read by a person first');
    expect(said).toContain('note-keepers');
    expect(said).toContain('15 min');
    expect(said).not.toContain('noted');
    expect(upstream.spans.size).toBe(before);
  });

  test('policy explain says the same without making the call', async () => {
    const explain = (n: number) =>
      cli(
        'policy',
        'explain',
        'note',
        '--agent',
        'tester',
        '--server',
        'notes',
        '--args',
        JSON.stringify({ n }),
        '--json',
      );
    const effects = [];
    for (const n of [1, 13, 500]) {
      const { json } = await explain(n);
      effects.push((json['decision'] as { effect: string }).effect);
    }
    expect(effects).toEqual(['allow', 'deny', 'hold']);
  });
});

describe('looking ahead and changing', () => {
  test('preview tells what hangs on what', async () => {
    const { json, code } = await cli('policy', 'preview', 'tester', '--json');
    expect(code).toBe(0);
    const items = json['items'] as { target: string; verdict: string; condition: string }[];
    const note = items.find(({ target }) => target === 'note');
    expect(note).toMatchObject({ verdict: 'maybe', approval: 'maybe' });
    expect(note?.condition).toContain('context.input.n == 13');
    const other = await cli('policy', 'preview', 'other', '--json');
    const theirs = (other.json['items'] as typeof items).find(({ target }) => target === 'note');
    expect(theirs).toMatchObject({ verdict: 'never' });
  });

  test('replay finds the calls that a draft would have denied, by their kept arguments', async () => {
    for (const n of [40, 41, 42]) await call(n);
    const dir = await draft(
      `${POLICIES}@id("no-forties") forbid(principal, action == notes::Action::"note", resource) when { context.input has n && context.input.n >= 40 && context.input.n < 50 };`,
    );
    const { json, code } = await cli('policy', 'replay', dir, '--agent', 'tester', '--json');
    const replay = json['replay'] as { flips: object[]; unknown: number; unchanged: number };
    expect(replay.flips).toEqual([
      expect.objectContaining({
        direction: 'newly_denied',
        agent: 'tester',
        target: 'note',
        policy: 'no-forties',
        count: 3,
      }),
    ]);
    expect(replay.unknown).toBe(0);
    expect(replay.unchanged).toBeGreaterThanOrEqual(3);
    expect(code).toBe(3);
  });

  test('apply brings a draft into force with a reason, and rollback takes it back at once', async () => {
    const dir = await draft(POLICIES.replace('n == 13', 'n == 14'));
    expect((await cli('policy', 'apply', dir, '--yes')).code).toBe(2);
    expect((await cli('policy', 'apply', dir, '--reason', 'nobody is there to ask')).code).toBe(1);
    expect(JSON.stringify(await call(13))).toContain('bad luck');
    const applied = await cli(
      'policy',
      'apply',
      dir,
      '--reason',
      'fourteen is worse',
      '--yes',
      '--json',
    );
    expect(applied).toMatchObject({ code: 0 });
    expect(applied.json).toMatchObject({
      changed: true,
      entry: { number: 2, reason: 'fourteen is worse' },
    });
    expect(JSON.stringify(await call(13))).toContain('noted');
    expect(JSON.stringify(await call(14))).toContain('bad luck');
    expect(
      await readFile(join(dirname(gateway.configFile), 'policies', 'test.cedar'), 'utf8'),
    ).toContain('n == 14');

    const diff = await cli('policy', 'diff', '1', '2');
    expect(diff.stdout).toMatch(/^-.*n == 13/m);
    const back = await cli(
      'policy',
      'rollback',
      'previous',
      '--reason',
      'it was a mistake',
      '--yes',
      '--json',
    );
    expect(back.json).toMatchObject({ changed: true, entry: { number: 3 } });
    expect(JSON.stringify(await call(13))).toContain('bad luck');
    const { json } = await cli('policy', 'versions', '--json');
    expect(
      (json['versions'] as { number: number; channel: string }[]).map(({ number, channel }) => [
        number,
        channel,
      ]),
    ).toEqual([
      [3, 'cli'],
      [2, 'cli'],
      [1, 'system'],
    ]);
    const audit = await cli('audit', 'query', '--type', 'admin', '--json');
    expect(audit.stdout).toContain('fourteen is worse');
    expect(audit.stdout).toContain('no-thirteen');
  });

  test('a draft with an error changes nothing and says where it is', async () => {
    const dir = await draft('permit(principal, action == notes::Action::"nota", resource);');
    const { code, stdout } = await cli(
      'policy',
      'apply',
      dir,
      '--reason',
      'a slip of the pen',
      '--yes',
    );
    expect(code).toBe(1);
    expect(stdout).toContain('test.cedar:1:');
    expect(stdout).toContain('notes::Action::"note"');
    expect(JSON.stringify(await call(1))).toContain('noted');
  });
});

describe('AuthZEN', () => {
  test('answers as the gateway decides, and records it', async () => {
    const found = [];
    for (const n of [1, 13, 500]) {
      const response = await ask('/access/v1/evaluation', evaluation(n), gateway.adminToken, {
        'x-request-id': `r-${n}`,
      });
      expect(response.status).toBe(200);
      expect(response.headers.get('x-request-id')).toBe(`r-${n}`);
      found.push(
        (await response.json()) as { decision: boolean; context: { effect: string; id: string } },
      );
    }
    expect(found.map(({ decision, context }) => [decision, context.effect])).toEqual([
      [true, 'allow'],
      [false, 'deny'],
      [false, 'hold'],
    ]);
    const audit = await cli('audit', 'query', '--type', 'decision', '--json');
    for (const { context } of found) expect(audit.stdout).toContain(context.id);
  });

  test('lets an agent ask about itself with its token, and about nobody else', async () => {
    const token = gateway.tokenFor('tester');
    expect((await ask('/access/v1/evaluation', evaluation(1), token)).status).toBe(200);
    expect((await ask('/access/v1/evaluation', evaluation(1, 'other'), token)).status).toBe(403);
    expect((await ask('/access/v1/evaluation', evaluation(1), 'nonsense')).status).toBe(401);
    expect(
      (await ask('/v1/policy/rollback', { version: '1', reason: 'because' }, token)).status,
    ).toBe(401);
  });

  test('publishes its metadata', async () => {
    const response = await fetch(`${gateway.adminUrl}/.well-known/authzen-configuration`);
    expect(await response.json()).toMatchObject({
      policy_decision_point: gateway.adminUrl,
      access_evaluation_endpoint: `${gateway.adminUrl}/access/v1/evaluation`,
      access_evaluations_endpoint: `${gateway.adminUrl}/access/v1/evaluations`,
    });
  });
});
