import { createHash } from 'node:crypto';
import { systemClock } from '../../src/kernel/index.ts';
import {
  type AgentFacts,
  createCedarHost,
  createPolicyService,
  createReplay,
  type PolicyDirectory,
  previewAgent,
  type RecordedCall,
  replayHistory,
  type ToolDefinition,
} from '../../src/policy/index.ts';
import type { BenchOptions, Figure } from './model.ts';

const SERVERS = 12;
const TOOLS = 30;
const AGENTS = 40;
/** Decisions per second while policies are reloaded. */
const RATE = 2_000;

const tools = (): ToolDefinition[] =>
  Array.from({ length: TOOLS }, (_, i) => ({
    name: `tool-${i}`,
    inputSchema: {
      type: 'object',
      properties: {
        repo: { type: 'string' },
        path: { type: 'string' },
        number: { type: 'integer' },
        labels: { type: 'array', items: { type: 'string' } },
      },
      required: ['repo'],
    },
  }));

const agents: AgentFacts[] = Array.from({ length: AGENTS }, (_, i) => ({
  id: `agt_${i}`,
  name: `agent-${i}`,
  owner: `owner-${i % 7}@example.com`,
  groups: [`group-${i % 8}`],
}));

/** Policies as an organisation has them; `generation` changes every one. */
function directory(count: number, generation: number): PolicyDirectory {
  const texts = Array.from({ length: count }, (_, i) => {
    const [agent, server, tool] = [i % AGENTS, i % SERVERS, (i * 7) % TOOLS];
    const action = `s${server}::Action::"tool-${tool}"`;
    const id = `@id("p${i}") @ticket("T-${generation}")`;
    switch (i % 4) {
      case 0:
        return `${id} permit(principal == Agent::"agent-${agent}", action == ${action}, resource) when { context.input.repo like "acme/*" };`;
      case 1:
        return `${id} permit(principal in Group::"group-${agent % 8}", action == ${action}, resource);`;
      case 2:
        return `${id} forbid(principal == Agent::"agent-${agent}", action == ${action}, resource) when { context.input has number && context.input.number > ${8_000 + i} };`;
      default:
        return `${id} permit(principal in Group::"group-${agent % 8}", action == ${action}, resource) when { context.paths has path && context.paths.path.under.contains("/srv/${i}") };`;
    }
  });
  const files = Array.from({ length: Math.ceil(count / 50) }, (_, i) => ({
    name: `f${String(i).padStart(3, '0')}.cedar`,
    text: texts.slice(i * 50, i * 50 + 50).join('\n'),
  }));
  return { files, effects: new Map() };
}

function calls(count: number, withArguments: boolean, version: string): RecordedCall[] {
  let state = 7;
  const dice = (n: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
  return Array.from({ length: count }, (_, i) => ({
    seq: i,
    time: 1_790_000_000_000 + i * 1_000,
    agent: agents[dice(AGENTS)] as AgentFacts,
    kind: 'tool' as const,
    method: 'tools/call',
    server: `s${dice(SERVERS)}`,
    target: `tool-${dice(TOOLS)}`,
    ...(withArguments
      ? {
          arguments: {
            value: {
              repo: i % 2 ? 'acme/app' : 'other/app',
              path: `/srv/${i % 90}`,
              number: i % 9_000,
              labels: ['a', 'b'],
            },
          },
        }
      : {}),
    transport: 'http' as const,
    era: 'modern' as const,
    approved: false,
    effect: 'deny' as const,
    policyVersion: version,
  }));
}

const seconds = (from: bigint): number => Number(process.hrtime.bigint() - from) / 1e9;
const round = (value: number): number => Math.round(value * 1_000) / 1_000;

/** Replay of history, reload under load, preview. */
export async function runChanges(
  report: (figure: Figure) => void,
  say: (line: string) => void,
  { quick }: BenchOptions,
): Promise<void> {
  const host = createCedarHost({ clock: systemClock });
  try {
    let on = directory(1_000, 0);
    const service = createPolicyService({ host, read: async () => on, mode: 'enforce' });
    service.setAgents(agents);
    const definitions = tools();
    for (let i = 0; i < SERVERS; i++) service.setTools(`s${i}`, definitions);
    let start = process.hrtime.bigint();
    const first = await service.reload();
    if (!first.applied) throw new Error(JSON.stringify(first.problems[0]));
    report({
      name: 'policy.first load of 1,000 policies',
      value: round(seconds(start)),
      unit: 's',
    });

    await reloads(report, say, service, (next) => {
      on = next;
    });
    on = directory(1_000, 9);
    const idle = process.cpuUsage();
    start = process.hrtime.bigint();
    await service.reload();
    const used = process.cpuUsage(idle);
    report({
      name: 'policy.reload without load, all of 1,000 policies changed',
      value: round(seconds(start)),
      unit: 's',
    });
    report({
      name: 'policy.reload without load, all of 1,000 policies changed, CPU of both threads',
      value: round((used.user + used.system) / 1e6),
      unit: 's',
    });

    const before = service.snapshot();
    if (before === undefined) throw new Error('nothing is loaded');
    const changed = directory(1_000, 9);
    const [head, ...rest] = changed.files;
    const drafted = async (policy: string) =>
      (
        await service.draft({
          ...changed,
          files: [{ name: head?.name ?? '', text: `${head?.text}\n${policy}` }, ...rest],
        })
      ).snapshot;
    const draft = await drafted(
      '@id("new") forbid(principal in Group::"group-5", action, resource in Server::"s5");',
    );
    const sweeping = await drafted(
      '@id("new") forbid(principal, action, resource) when { context.session.weekday > 1 };',
    );
    const count = quick ? 10_000 : 100_000;
    for (const [what, after, kept] of [
      ['a draft about one group and server, arguments kept', draft, true],
      ['a draft about one group and server, arguments not kept', draft, false],
      ['a draft about every call, arguments kept', sweeping, true],
      ['a draft about every call, arguments not kept', sweeping, false],
    ] as const) {
      const history = calls(count, kept, '');
      const idleBefore = process.cpuUsage();
      start = process.hrtime.bigint();
      const replay = createReplay(before, after);
      for (const call of history) replay.add(call);
      const wall = (seconds(start) * 100_000) / count;
      const { user, system } = process.cpuUsage(idleBefore);
      const scaled = ((user + system) / 1e6) * (100_000 / count);
      const { unchanged, flipped, unknown } = replay.report();
      report({
        name: `policy.replay of 100,000 calls, CPU, ${what}`,
        value: round(scaled),
        unit: 's',
        bar: '<= 1',
        holds: scaled <= 1,
      });
      say(
        `${what}: ${round(wall)} s on the clock, ${unchanged} unchanged, ${flipped} flipped, ${unknown} unknown`,
      );
    }

    const records = calls(count, true, before.version).map((call) => ({
      seq: call.seq,
      type: 'decision',
      time: call.time,
      actor: { agent: call.agent.name, agentId: call.agent.id, owner: call.agent.owner },
      server: call.server,
      method: call.method,
      target: call.target,
      effect: 'deny',
      detail: {
        reasons: ['no_permit'],
        policyVersion: call.policyVersion,
        arguments: createHash('sha256').update(String(call.seq)).digest('hex'),
        transport: 'http',
        era: 'modern',
        agent: { groups: call.agent.groups },
      },
    }));
    const known = new Map(agents.map((agent) => [agent.name, agent]));
    const body = { repo: 'acme/app' };
    start = process.hrtime.bigint();
    await replayHistory(
      before,
      draft,
      records,
      {},
      {
        agent: (name) => known.get(name),
        arguments: () => body,
      },
    );
    report({
      name: 'policy.replay of 100,000 records, from the record on',
      value: round((seconds(start) * 100_000) / count),
      unit: 's',
    });

    const items = Array.from({ length: SERVERS * TOOLS }, (_, i) => ({
      server: `s${i % SERVERS}`,
      kind: 'tool' as const,
      target: `tool-${i % TOOLS}`,
    }));
    start = process.hrtime.bigint();
    previewAgent(before, agents[3] as AgentFacts, items);
    report({
      name: `policy.preview of one agent, ${items.length} tools, 1,000 policies`,
      value: round(seconds(start)),
      unit: 's',
    });
  } finally {
    await host.close();
  }
}

/** Changes all 1,000 policies while decisions go on; each decision must be that of the version it names. */
async function reloads(
  report: (figure: Figure) => void,
  say: (line: string) => void,
  service: ReturnType<typeof createPolicyService>,
  put: (next: PolicyDirectory) => void,
): Promise<void> {
  const traffic = calls(2_000, true, '');
  const expected = traffic.map((call) => service.decide(requestOf(call)).effect);
  let going = true;
  let decisions = 0;
  let wrong = 0;
  let longest = 0;
  const load = (async (): Promise<void> => {
    const began = process.hrtime.bigint();
    while (going) {
      const turn = process.hrtime.bigint();
      // As many as are due by now: a pause is followed by all that it held up.
      for (let due = seconds(began) * RATE - decisions; due >= 1; due--, decisions++) {
        const at = decisions % traffic.length;
        const { effect, policyVersion } = service.decide(requestOf(traffic[at] as RecordedCall));
        if (effect !== expected[at] || policyVersion === '') wrong++;
      }
      // Waiting rather than spinning: the validator needs the other core.
      await new Promise((resolve) => setTimeout(resolve, 2));
      longest = Math.max(longest, seconds(turn));
    }
  })();
  for (const [name, next] of [
    ['one of 1,000 policies changed', one(directory(1_000, 0))],
    ['all of 1,000 policies changed', directory(1_000, 1)],
  ] as const) {
    longest = 0;
    const count = decisions;
    put(next);
    const start = process.hrtime.bigint();
    const { applied } = await service.reload();
    const taken = seconds(start);
    if (!applied) throw new Error('the reload was refused');
    report({
      name: `policy.reload under ${RATE} decisions/s, ${name}`,
      value: round(taken),
      unit: 's',
      bar: '<= 1',
      holds: taken <= 1,
    });
    report({
      name: `policy.longest pause of decisions, ${name}`,
      value: round(longest * 1_000),
      unit: 'ms',
    });
    say(`${name}: ${decisions - count} decisions meanwhile`);
  }
  going = false;
  await load;
  report({
    name: 'policy.missed or wrong decisions during reloads',
    value: wrong,
    unit: `of ${decisions}`,
    bar: '= 0',
    holds: wrong === 0,
  });
}

function one(from: PolicyDirectory): PolicyDirectory {
  const files = from.files.map((file, i) =>
    i === 4 ? { ...file, text: file.text.replace('@ticket("T-0")', '@ticket("T-00")') } : file,
  );
  return { ...from, files };
}

function requestOf(
  call: RecordedCall,
): Parameters<ReturnType<typeof createPolicyService>['decide']>[0] {
  const { agent, kind, method, server, target } = call;
  return {
    agent,
    kind,
    method,
    server,
    target,
    ...(call.arguments?.value === undefined ? {} : { arguments: call.arguments.value }),
    session: { now: call.time, transport: 'http', era: 'modern' },
  };
}

if (import.meta.main) {
  await runChanges(
    (f) =>
      console.log(
        `${f.name}: ${f.value} ${f.unit}${f.bar === undefined ? '' : ` (bar ${f.bar}: ${f.holds ? 'holds' : 'MISSED'})`}`,
      ),
    (line) => console.log(`# ${line}`),
    { quick: false },
  );
}
