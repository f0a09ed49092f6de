import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import { createPrincipalEntities } from '../decide/principal-entities.ts';
import { createCedarHost } from '../host/create-cedar-host.ts';
import type { PolicyDirectory } from '../loader/read-directory.ts';
import { readEffects } from '../loader/read-effects.ts';
import type { AgentFacts, JsonValue, ToolDefinition } from '../model.ts';
import { createPolicyService } from '../service/create-policy-service.ts';
import type { PolicyService, PolicySnapshot } from '../service/model.ts';
import { createCandidates } from './candidates.ts';
import { compareCall, replayPair } from './compare-call.ts';
import { createReplay } from './create-replay.ts';
import type { RecordedCall } from './model.ts';
import { readRecord } from './read-record.ts';
import { replayHistory } from './replay-history.ts';

const host = createCedarHost({ clock: systemClock });
afterAll(() => host.close());

const BOT: AgentFacts = { id: 'agt_1', name: 'bot', owner: 'ana', groups: ['team'] };
const GUEST: AgentFacts = { id: 'agt_2', name: 'guest', owner: 'ana', groups: [] };
const TOOLS: ToolDefinition[] = ['get', 'put'].map((name) => ({
  name,
  inputSchema: {
    type: 'object',
    properties: { path: { type: 'string' }, max: { type: 'integer' } },
    required: ['path'],
  },
}));

const directory = (...texts: string[]): PolicyDirectory => ({
  files: [{ name: 'p.cedar', text: texts.join('\n') }],
  effects: readEffects('effects.yaml', 'fs: { tools: { get: read, put: write } }'),
  effectsText: 'fs: { tools: { get: read, put: write } }',
});

const P = {
  team: '@id("team") permit(principal in Group::"team", action in Action::"call", resource in Server::"fs");',
  small:
    '@id("small") permit(principal, action == fs::Action::"get", resource) when { context.input has max && context.input.max < 10 };',
  work: '@id("work") permit(principal, action in Action::"call", resource in Server::"fs") when { context.input has path && context.input.path like "/work/*" };',
  noEtc:
    '@id("no-etc") forbid(principal, action == fs::Action::"get", resource) when { context.input.path like "/etc/*" };',
  noPut: '@id("no-put") forbid(principal, action == fs::Action::"put", resource);',
  ask: '@id("ask") @approval("ops, 15m") forbid(principal, action == fs::Action::"put", resource) when { context.input has max && context.input.max > 5 };',
  askAll:
    '@id("ask-all") @approval("ops, 5m") forbid(principal == Agent::"bot", action, resource in Server::"fs");',
  guest: '@id("guest") permit(principal == Agent::"guest", action == fs::Action::"get", resource);',
  risky:
    '@id("risky") forbid(principal, action == fs::Action::"get", resource) when { context.input has max && context.input.max * 9007199254740991 > 7 };',
  web: '@id("web") permit(principal, action == fs::Action::"put", resource) when { context.session.transport == "http" };',
  night: '@id("night") forbid(principal, action, resource) when { context.session.weekday > 5 };',
  human:
    '@id("human") forbid(principal, action == fs::Action::"put", resource) unless { context.session has onBehalfOf };',
  folder:
    '@id("folder") permit(principal, action == fs::Action::"put", resource) when { context.paths has path && context.paths.path.under.contains("/work") };',
  whole:
    '@id("whole") permit(principal, action == fs::Action::"get", resource) when { context.paths == context.paths && context.input.path like "/etc/*" };',
  twin: '@id("twin") forbid(principal, action == fs::Action::"put", resource);',
  extra:
    '@id("extra") forbid(principal, action == fs::Action::"get", resource) when { context.session.extraArgs.contains("force") };',
};

let service: PolicyService;
beforeAll(async () => {
  service = createPolicyService({
    host,
    read: async () => directory(...Object.values(P)),
    mode: 'enforce',
  });
  service.setAgents([BOT, GUEST]);
  service.setTools('fs', TOOLS);
  await service.reload();
});

const snapshot = async (...texts: string[]): Promise<PolicySnapshot> => {
  const { snapshot: made, report } = await service.draft(directory(...texts));
  expect(report.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return made;
};

const call = (more: Partial<RecordedCall> = {}): RecordedCall => ({
  seq: 1,
  time: Date.UTC(2026, 0, 14, 10),
  agent: BOT,
  kind: 'tool',
  method: 'tools/call',
  server: 'fs',
  target: 'get',
  arguments: { value: { path: '/work/a' } },
  transport: 'http',
  era: 'modern',
  approved: false,
  effect: 'allow',
  policyVersion: '',
  ...more,
});
const without = (given: RecordedCall): RecordedCall => {
  const { arguments: _, ...rest } = given;
  return rest;
};

describe('replay', () => {
  it('lists what flips by direction, agent, tool and policy, with counts and examples', async () => {
    const replay = createReplay(
      await snapshot(P.team, P.guest),
      await snapshot(P.team, P.noEtc, P.ask, P.work),
    );
    for (let seq = 0; seq < 5; seq++)
      replay.add(call({ seq, arguments: { value: { path: '/etc/passwd' } } }));
    replay.add(call({ seq: 5 }));
    replay.add(call({ seq: 6, target: 'put', arguments: { value: { path: '/x', max: 9 } } }));
    replay.add(call({ seq: 7, agent: GUEST, arguments: { value: { path: '/x' } } }));
    replay.add(
      call({
        seq: 8,
        agent: GUEST,
        target: 'put',
        arguments: { value: { path: '/work/x' } },
        effect: 'deny',
      }),
    );
    const report = replay.report();
    expect(report).toMatchObject({ calls: 9, unchanged: 1, flipped: 8, unknown: 0, drifted: 0 });
    expect(report.flips).toEqual([
      expect.objectContaining({
        direction: 'newly_denied',
        agent: 'bot',
        server: 'fs',
        target: 'get',
        policy: 'no-etc',
        count: 5,
        examples: [0, 1, 2].map((seq) => expect.objectContaining({ seq })),
      }),
      expect.objectContaining({ direction: 'newly_held', target: 'put', policy: 'ask', count: 1 }),
      expect.objectContaining({
        direction: 'newly_denied',
        agent: 'guest',
        policy: 'guest',
        count: 1,
      }),
      expect.objectContaining({
        direction: 'newly_allowed',
        agent: 'guest',
        policy: 'work',
        count: 1,
      }),
    ]);
  });

  it('says unknown when arguments were not kept and they decide, and never unchanged', async () => {
    const before = await snapshot(P.team);
    const replay = createReplay(before, await snapshot(P.team, P.noEtc));
    expect(replay.add(without(call()))).toBe('unknown');
    expect(replay.report().unknowns).toEqual([
      expect.objectContaining({
        policies: ['no-etc'],
        count: 1,
        possible: expect.arrayContaining(['allow', 'deny']),
      }),
    ]);
  });

  it('proves calls unchanged or flipped without their arguments where they do not decide', async () => {
    const replay = createReplay(
      await snapshot(P.team, P.noEtc, P.work),
      await snapshot(P.team, P.noEtc, P.work, P.noPut),
    );
    // The undecided policies are the same on both sides.
    expect(replay.add(without(call()))).toBe('same');
    expect(replay.add(without(call({ target: 'put' })))).toBe('flip');
  });

  it('uses what was recorded under the very version to rule out arguments', async () => {
    const before = await snapshot(P.team, P.ask);
    const after = await snapshot(P.team);
    const held = without(call({ target: 'put', effect: 'hold' }));
    expect(createReplay(before, after).add(held)).toBe('unknown');
    const known = { ...held, policyVersion: before.version };
    const replay = createReplay(before, after);
    expect(replay.add(known)).toBe('flip');
    expect(replay.report().flips[0]).toMatchObject({ from: 'hold', to: 'allow' });
  });

  it('is right without arguments whatever they were', { timeout: 60_000 }, async () => {
    const names = Object.keys(P) as (keyof typeof P)[];
    const principal = createPrincipalEntities();
    const tally = { same: 0, flip: 0, unknown: 0, skipped: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.subarray(names),
        fc.subarray(names),
        fc.boolean(),
        fc.array(
          fc.record({
            agent: fc.constantFrom(BOT, GUEST),
            target: fc.constantFrom('get', 'put'),
            path: fc.constantFrom('/work/a', '/etc/x', '/'),
            max: fc.option(fc.constantFrom(0, 7, 20, 9007199254740991), { nil: undefined }),
            force: fc.boolean(),
            user: fc.option(fc.constant('ana'), { nil: undefined }),
            day: fc.nat(6),
            transport: fc.constantFrom('http' as const, 'stdio' as const),
            approved: fc.boolean(),
          }),
          { minLength: 8, maxLength: 8 },
        ),
        async (left, right, near, calls) => {
          // Half of the drafts differ little from what is in force, as drafts do.
          const chosen = near
            ? [...left.slice(1), ...right.slice(0, 1).filter((one) => !left.includes(one))]
            : right;
          const pair = replayPair(
            (await snapshot(...left.map((name) => P[name]))).live,
            (await snapshot(...chosen.map((name) => P[name]))).live,
          );
          const candidates = createCandidates();
          for (const { agent, target, path, max, force, user, day, transport, approved } of calls) {
            const value: Record<string, JsonValue> = {
              path,
              ...(max === undefined ? {} : { max }),
              ...(force ? { force } : {}),
            };
            const full = call({
              agent,
              target,
              transport,
              approved,
              arguments: { value },
              time: Date.UTC(2026, 0, 12 + day),
              ...(user === undefined ? {} : { user }),
            });
            const truth = compareCall(pair, full, principal);
            const told = compareCall(pair, without(full), principal);
            expect(compareCall(pair, full, principal, candidates).is).toBe(truth.is);
            const short = compareCall(pair, without(full), principal, candidates);
            if (short.is === 'same') expect(truth.is).toBe('same');
            if (short.is === 'flip')
              expect(truth).toMatchObject({ is: 'flip', from: short.from, to: short.to });
            tally[told.is]++;
            if (told.is === 'same') expect(truth.is).toBe('same');
            if (told.is === 'flip')
              expect(truth).toMatchObject({ is: 'flip', from: told.from, to: told.to });
          }
        },
      ),
      { numRuns: 250 },
    );
    expect(tally.same).toBeGreaterThan(100);
    expect(tally.flip).toBeGreaterThan(100);
    expect(tally.unknown).toBeGreaterThan(100);
  });

  it('keeps its memory bounded and counts what it does not tell apart', async () => {
    const replay = createReplay(await snapshot(P.team), await snapshot());
    for (let i = 0; i < 2_500; i++) replay.add(call({ agent: { ...BOT, name: `bot-${i}` } }));
    const report = replay.report();
    expect(report.flips).toHaveLength(2_000);
    expect(report).toMatchObject({ flipped: 2_500, flipsElsewhere: 500 });
  });
});

describe('reading records', () => {
  const record = (more: object = {}, detail: object = {}) => ({
    seq: 4,
    type: 'decision',
    time: 5,
    actor: { agent: 'bot', agentId: 'agt_1', owner: 'ana' },
    server: 'fs',
    method: 'tools/call',
    target: 'get',
    effect: 'allow',
    detail: {
      reasons: ['permitted'],
      arguments: 'ab'.repeat(32),
      transport: 'http',
      era: 'modern',
      agent: { groups: ['team'] },
      ...detail,
    },
    ...more,
  });
  const deps = {
    agent: (name: string) => (name === 'bot' ? BOT : undefined),
    arguments: () => undefined,
  };

  it('takes the facts that were recorded, and those of now for older records', async () => {
    expect(await readRecord(record(), deps)).toMatchObject({ agent: BOT, kind: 'tool' });
    expect(await readRecord(record({}, { agent: { groups: ['old'] } }), deps)).toMatchObject({
      agent: { groups: ['old'] },
    });
    expect(await readRecord(record({}, { agent: undefined }), deps)).toMatchObject({ agent: BOT });
    expect(await readRecord(record({ actor: { agent: 'gone' } }, { agent: undefined }), deps)).toBe(
      'agent_unknown',
    );
  });

  it('knows that no arguments were sent without having kept them', async () => {
    const none = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';
    expect(await readRecord(record({}, { arguments: none }), deps)).toMatchObject({
      arguments: { value: {} },
    });
    expect(await readRecord(record(), deps)).not.toHaveProperty('arguments');
  });

  it('reads what policy said in observe mode, and passes over what policy did not decide', async () => {
    expect(await readRecord(record({}, { observed: 'deny' }), deps)).toMatchObject({
      effect: 'deny',
    });
    expect(await readRecord(record({}, { reasons: ['arguments_invalid'] }), deps)).toBe(
      'not_policy',
    );
    expect(await readRecord(record({ server: undefined }), deps)).toBe('incomplete');
    expect(await readRecord({ seq: 1, type: 'decision', time: 1 }, deps)).toBe('not_policy');
  });

  it('replays a stream by agent, server and period', async () => {
    const [before, after] = [await snapshot(P.team), await snapshot(P.team, P.noPut)];
    const records = [
      record({ target: 'put' }),
      record({ target: 'put', time: 50 }),
      record({ target: 'put', actor: { agent: 'guest' } }),
      record({ target: 'put', server: 'other' }),
      { seq: 9, type: 'outcome', time: 5 },
    ];
    const report = await replayHistory(
      before,
      after,
      records,
      { agent: 'bot', server: 'fs', until: 10 },
      deps,
    );
    expect(report).toMatchObject({ calls: 1, flipped: 1 });
  });
});
