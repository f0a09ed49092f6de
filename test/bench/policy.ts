import { createRequire } from 'node:module';
import type * as Wasm from '@cedar-policy/cedar-wasm/nodejs';
import {
  authorize,
  CedarRecord,
  compilePolicy,
  type EntityInput,
  EntitySnapshot,
  EntityUid,
  mayEverAllow,
  PolicySet,
  type Snapshot,
  toRecord,
} from '../../src/policy/cedar/index.ts';

import { runChanges } from './policy-change.ts';

type Report = (f: {
  name: string;
  value: number;
  unit: string;
  bar?: string;
  holds?: boolean;
}) => void;

const cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as typeof Wasm;

const AGENTS = 1_000;
const TOOLS = 500;
const SERVERS = 20;
const BLUEPRINTS = 40;
const EFFECTS = ['read', 'read', 'list', 'write', 'send', 'delete'];

/** The same sequence in every run, so that runs can be compared. */
function createDice(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
}

const serverOf = (tool: number): number => tool % SERVERS;

/** Invariants that every decision meets, whatever it is about. */
const FORBIDS = [
  '@id("tainted-egress") forbid(principal, action, resource) when { context.session.taint.contains("untrusted") && ["send", "delete"].contains(resource.effect) };',
  '@requestable("manager") forbid(principal, action == Action::"call", resource) when { resource.risk >= 8 } unless { context.session.approved };',
  'forbid(principal, action, resource) when { context.session.risk >= 90 };',
  'forbid(principal, action, resource) when { principal.state != "active" };',
];

function policyText(dice: (n: number) => number): string {
  const agent = `Agent::"agent-${dice(AGENTS)}"`;
  const tool = dice(TOOLS);
  switch (dice(5)) {
    case 0:
      return `permit(principal == ${agent}, action == Action::"call", resource == Tool::"tool-${tool}") when { context.input has repo && context.input.repo like "acme/*" };`;
    case 1:
      return `permit(principal == ${agent}, action == Action::"call", resource in Server::"server-${serverOf(tool)}") when { context.session.risk < 60 };`;
    case 2:
      return `permit(principal in Blueprint::"blueprint-${dice(BLUEPRINTS)}", action in [Action::"call", Action::"list"], resource == Tool::"tool-${tool}") when { ["read", "list"].contains(resource.effect) };`;
    case 3:
      return `permit(principal is Agent, action == Action::"call", resource == Tool::"tool-${tool}") when { principal.tier >= 2 && context.session has onBehalfOf && context.session.onBehalfOf in Group::"support" };`;
    default:
      return `forbid(principal == ${agent}, action, resource == Tool::"tool-${tool}") unless { context.session.approved };`;
  }
}

/** Some organisation's set: mostly blueprint rules per server, some grants, a few invariants. */
function realistic(): string[] {
  const dice = createDice(300);
  const texts = [...FORBIDS];
  for (let blueprint = 0; blueprint < BLUEPRINTS; blueprint++) {
    for (let i = 0; i < 4; i++) {
      texts.push(
        `permit(principal in Blueprint::"blueprint-${blueprint}", action == Action::"call", resource in Server::"server-${dice(SERVERS)}") when { resource.effect == "read" && context.session.risk < 60 };`,
      );
    }
  }
  while (texts.length < 300) texts.push(policyText(dice));
  return texts;
}

/** Organisations grow by grants to single agents; rules about blueprints and tools stay few. */
const SHARED_RULES = 200;

function mixed(count: number): string[] {
  const dice = createDice(7);
  const texts = FORBIDS.slice(0, Math.min(FORBIDS.length, count));
  while (texts.length < count) {
    const text = policyText(dice);
    const shared = text.includes('Blueprint::') || text.includes('is Agent');
    if (!shared || texts.length < SHARED_RULES) texts.push(text);
  }
  return texts;
}

function compile(texts: readonly string[]): PolicySet {
  const put = texts.map((text, i) => {
    const parsed = cedar.policyToJson(text);
    if (parsed.type === 'failure') throw new Error(`${parsed.errors[0]?.message}: ${text}`);
    const policy = compilePolicy(`p${i}`, parsed.json);
    if (!policy.ok) throw new Error(policy.error.problem);
    return policy.value;
  });
  const set = PolicySet.empty.with({ put });
  if (!set.ok) throw new Error(set.error.problem);
  return set.value;
}

type EntityJson = {
  uid: { type: string; id: string };
  attrs: Record<string, unknown>;
  parents: { type: string; id: string }[];
};

function population(): { snapshot: EntitySnapshot; json: Map<string, EntityJson> } {
  const json = new Map<string, EntityJson>();
  const add = (
    type: string,
    id: string,
    attrs: Record<string, unknown>,
    ...parents: [string, string][]
  ): void => {
    json.set(`${type} ${id}`, {
      uid: { type, id },
      attrs,
      parents: parents.map((p) => ({ type: p[0], id: p[1] })),
    });
  };
  add('Group', 'support', {});
  for (let i = 0; i < 50; i++) add('User', `user-${i}`, {}, ['Group', 'support']);
  for (let i = 0; i < BLUEPRINTS; i++) add('Blueprint', `blueprint-${i}`, {});
  for (let i = 0; i < SERVERS; i++) add('Server', `server-${i}`, {});
  for (let i = 0; i < AGENTS; i++) {
    add('Agent', `agent-${i}`, { tier: i % 4, state: 'active' }, [
      'Blueprint',
      `blueprint-${i % BLUEPRINTS}`,
    ]);
  }
  for (let i = 0; i < TOOLS; i++) {
    add('Tool', `tool-${i}`, { risk: i % 10, effect: EFFECTS[i % EFFECTS.length] }, [
      'Server',
      `server-${serverOf(i)}`,
    ]);
  }
  const put = [...json.values()].map((entity): EntityInput => {
    const attrs = toRecord(entity.attrs);
    if (!attrs.ok) throw new Error(attrs.error.problem);
    return {
      uid: new EntityUid(entity.uid.type, entity.uid.id),
      attrs: attrs.value,
      tags: CedarRecord.empty,
      parents: entity.parents.map((parent) => new EntityUid(parent.type, parent.id)),
    };
  });
  const snapshot = EntitySnapshot.empty.with({ put });
  if (!snapshot.ok) throw new Error(snapshot.error.problem);
  return { snapshot: snapshot.value, json };
}

interface Call {
  readonly agent: string;
  readonly tool: string;
  readonly server: string;
  readonly blueprint: string;
  readonly input: Record<string, unknown>;
  readonly session: Record<string, unknown>;
  readonly onBehalfOf: EntityUid;
}

/**
 * Calls as they come: made anew each time, as if their JSON had just been parsed. Nine of ten are among 500 pairs of
 * agent and tool that keep recurring, the rest is any agent with any tool.
 */
function createTraffic(): () => Call {
  const dice = createDice(11);
  const pairs = Array.from({ length: 500 }, () => [dice(AGENTS), dice(TOOLS)] as const);
  return () => {
    const recurring = dice(10) === 0 ? undefined : pairs[dice(pairs.length)];
    const [agent, tool] = recurring ?? [dice(AGENTS), dice(TOOLS)];
    return {
      agent: NAMES.agent[agent] ?? '',
      tool: NAMES.tool[tool] ?? '',
      server: NAMES.server[serverOf(tool)] ?? '',
      blueprint: NAMES.blueprint[agent % BLUEPRINTS] ?? '',
      input: {
        repo: dice(2) === 0 ? 'acme/app' : 'other/app',
        title: 'Fix the build',
        labels: ['bug', 'ci'],
        draft: false,
        number: dice(9_000),
      },
      session: {
        now: 1_790_000_000_000 + dice(100_000),
        risk: dice(100),
        taint: dice(4) === 0 ? ['untrusted'] : [],
        chainDepth: dice(3),
        approved: dice(2) === 0,
      },
      onBehalfOf: new EntityUid('User', `user-${dice(50)}`),
    };
  };
}

const CALL = new EntityUid('Action', 'call');

function contextOf(call: Call): ReturnType<typeof toRecord> {
  return toRecord({ input: call.input, session: { ...call.session, onBehalfOf: call.onBehalfOf } });
}

/** The whole of one decision as the gateway makes it: conversion of the context included. */
function decide(snapshot: Snapshot, call: Call): string {
  const context = contextOf(call);
  if (!context.ok) return 'deny';
  return authorize(snapshot, {
    principal: new EntityUid('Agent', call.agent),
    action: CALL,
    resource: new EntityUid('Tool', call.tool),
    context: context.value,
  }).decision;
}

function askWasm(setId: string, json: Map<string, EntityJson>, call: Call): string {
  const { type, id } = call.onBehalfOf;
  const names = [
    `Agent ${call.agent}`,
    `Blueprint ${call.blueprint}`,
    `Tool ${call.tool}`,
    `Server ${call.server}`,
    `${type} ${id}`,
    'Group support',
  ];
  const answer = cedar.statefulIsAuthorized({
    principal: { type: 'Agent', id: call.agent },
    action: { type: 'Action', id: 'call' },
    resource: { type: 'Tool', id: call.tool },
    context: {
      input: call.input,
      session: { ...call.session, onBehalfOf: { __entity: { type, id } } },
    } as Wasm.Context,
    entities: names.flatMap((name) => json.get(name) ?? []) as Wasm.Entities,
    preparsedPolicySetId: setId,
  });
  if (answer.type === 'failure') throw new Error(answer.errors[0]?.message);
  return answer.response.decision;
}

interface Timing {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Microseconds of single calls. `prepare` is not timed. */
function time<T>(
  count: number,
  warm: number,
  prepare: (i: number) => T,
  one: (given: T) => void,
): Timing {
  for (let i = 0; i < warm; i++) one(prepare(i));
  const taken = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const given = prepare(i);
    const start = process.hrtime.bigint();
    one(given);
    taken[i] = Number(process.hrtime.bigint() - start) / 1_000;
  }
  taken.sort();
  const at = (share: number): number => taken[Math.min(count - 1, Math.floor(count * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

const index = (i: number): number => i;
/** Names live as long as the gateway: they come from its own registers, not from the call. */
const names = (kind: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${kind}-${i}`);
const NAMES = {
  agent: names('agent', AGENTS),
  tool: names('tool', TOOLS),
  server: names('server', SERVERS),
  blueprint: names('blueprint', BLUEPRINTS),
};
const round = (value: number): number => Math.round(value * 100) / 100;

/** Our evaluator beside cedar-wasm's stateful call, at four sizes and on a realistic set. */
export async function run(report: Report, say: (line: string) => void): Promise<void> {
  const { snapshot: entities, json } = population();
  const next = createTraffic();
  say(
    `${entities.size} resident entities (${AGENTS} agents, ${TOOLS} tools), 500 recurring pairs make 9 of 10 calls, context converted in each`,
  );

  const idle = time(10_000, 1_000, index, () => {});
  report({ name: 'timer overhead inside every figure, p50', value: round(idle.p50), unit: 'µs' });
  const medians = new Map<number, number>();
  const hot = new Map<number, number>();
  const sets: [name: string, texts: string[], wasmCalls: number][] = [
    ['10 policies', mixed(10), 200],
    ['100 policies', mixed(100), 200],
    ['1,000 policies', mixed(1_000), 60],
    ['10,000 policies', mixed(10_000), 12],
    ['realistic 300', realistic(), 100],
  ];
  for (const [name, texts, wasmCalls] of sets) {
    const snapshot: Snapshot = { policies: compile(texts), entities };
    let allowed = 0;
    const ours = time(40_000, 20_000, next, (call) => {
      if (decide(snapshot, call) === 'allow') allowed++;
    });
    medians.set(texts.length, ours.p50);
    const atBar = name === '1,000 policies';
    report({
      name: `decide p50, ${name}`,
      value: round(ours.p50),
      unit: 'µs',
      ...(atBar ? { bar: '<= 3', holds: ours.p50 <= 3 } : {}),
    });
    report({
      name: `decide p99, ${name}`,
      value: round(ours.p99),
      unit: 'µs',
      ...(atBar ? { bar: '<= 20', holds: ours.p99 <= 20 } : {}),
    });

    const ready = cedar.preparsePolicySet('bench', {
      staticPolicies: Object.fromEntries(texts.map((text, i) => [`p${i}`, text])),
    });
    if (ready.type === 'failure') throw new Error(ready.errors[0]?.message);
    let differing = 0;
    const theirs = time(wasmCalls, 3, next, (call) => {
      if (askWasm('bench', json, call) !== decide(snapshot, call)) differing++;
    });
    report({ name: `cedar-wasm p50, ${name}`, value: round(theirs.p50), unit: 'µs' });
    report({
      name: `decisions unlike cedar-wasm, ${name}`,
      value: differing,
      unit: `of ${wasmCalls + 3}`,
      bar: '= 0',
      holds: differing === 0,
    });
    say(
      `${name}: ours ${round(ours.p50)} µs (p99 ${round(ours.p99)}, worst ${round(ours.max)}; ${Math.round((100 * allowed) / 60_000)} % allowed), cedar-wasm ${round(theirs.p50)} µs`,
    );
  }

  for (const count of [10, 1_000, 10_000]) {
    const snapshot: Snapshot = { policies: compile(mixed(count)), entities };
    const { agent, tool } = next();
    const again = time(
      20_000,
      10_000,
      () => ({ ...next(), agent, tool }),
      (call) => decide(snapshot, call),
    );
    hot.set(count, again.p50);
    report({
      name: `decide p50, one agent repeating one tool, ${count} policies`,
      value: round(again.p50),
      unit: 'µs',
    });
  }
  const hotFlatness = (hot.get(10_000) ?? 0) / (hot.get(10) ?? 1);
  report({
    name: 'flatness of the repeated call, 10,000 over 10 policies',
    value: round(hotFlatness),
    unit: 'x',
    bar: '<= 1.5',
    holds: hotFlatness <= 1.5,
  });

  const flatness = (medians.get(10_000) ?? 0) / (medians.get(10) ?? 1);
  report({
    name: 'flatness: p50 at 10,000 over p50 at 10 policies',
    value: round(flatness),
    unit: 'x',
    bar: '<= 2',
    holds: flatness <= 2,
  });

  const conversion = time(40_000, 20_000, next, contextOf);
  report({
    name: 'of which converting the context, p50',
    value: round(conversion.p50),
    unit: 'µs',
  });

  unscoped(report, entities, next);
  changes(report, entities);
  lists(report, entities);
  await runChanges(report, say, { quick: false });
}

/** The worst shape: no head to index by. */
function unscoped(report: Report, entities: EntitySnapshot, next: () => Call): void {
  const texts = Array.from(
    { length: 1_000 },
    (_, i) => `permit(principal, action, resource) when { context.input.number == ${i + 10_000} };`,
  );
  const policies = compile(texts);
  const worst = time(3_000, 1_000, next, (call) => decide({ policies, entities }, call));
  report({
    name: 'decide p50, 1,000 policies without scope',
    value: round(worst.p50),
    unit: 'µs',
    bar: '<= 50',
    holds: worst.p50 <= 50,
  });
}

function changes(report: Report, entities: EntitySnapshot): void {
  const policies = compile(mixed(1_000));
  const policy = policies.get('p500');
  if (policy === undefined) throw new Error('p500');
  const replace = time(2_000, 200, index, () => policies.with({ put: [policy] }));
  report({ name: 'replace one of 1,000 policies, p50', value: round(replace.p50), unit: 'µs' });
  const agent = entities.find(new EntityUid('Agent', 'agent-5'));
  if (agent === undefined) throw new Error('agent-5');
  const upsert = time(2_000, 200, index, () => entities.with({ put: [agent] }));
  report({
    name: `upsert one of ${entities.size} entities, p50`,
    value: round(upsert.p50),
    unit: 'µs',
  });
}

/** Filtering a tool list for one agent. */
function lists(report: Report, entities: EntitySnapshot): void {
  const snapshot: Snapshot = { policies: compile(realistic()), entities };
  const principal = new EntityUid('Agent', 'agent-5');
  const preview = time(5_000, 1_000, index, (i) =>
    mayEverAllow(snapshot, {
      principal,
      action: CALL,
      resource: new EntityUid('Tool', `tool-${i % TOOLS}`),
    }),
  );
  report({ name: 'mayEverAllow p50, realistic 300', value: round(preview.p50), unit: 'µs' });
}

if (import.meta.main) {
  await run(
    (f) =>
      console.log(
        `${f.name}: ${f.value} ${f.unit}${f.bar === undefined ? '' : ` (bar ${f.bar}: ${f.holds ? 'holds' : 'MISSED'})`}`,
      ),
    (line) => console.log(`# ${line}`),
  );
}
