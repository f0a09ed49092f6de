import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Answer,
  type LegacyClient,
  legacyClient,
  type ModernClient,
  modernClient,
  type Stream,
  until,
} from './raw-client.ts';
import { type ScriptedServer, startScripted, type Tool } from './scripted-http-server.ts';
import { createTestApp, type TestApp } from './test-app.ts';

const LONG = process.env['SALLYPORT_LONG'] === '1';
const AGENTS = LONG ? 50 : 10;
const OPERATIONS = LONG ? 2_000 : 72;
const CAPABILITIES = {
  elicitation: {},
  extensions: { 'io.modelcontextprotocol/tasks': {} },
};
const STOLEN = 'dev.example/stolen';
const names = Array.from({ length: AGENTS }, (_, index) => `agent-${index}`);
const tag = (agent: number): string => `<${agent}>`;
const uri = (agent: number): string => `test://own/${tag(agent)}`;

/** Everything an agent may ever read carries its tag and nobody else's. */
function foreign(agent: number, text: string): string[] {
  return [...text.matchAll(/<(\d+)>/g)]
    .map(([found]) => found)
    .filter((found) => found !== tag(agent));
}

const note: Tool = (call) => {
  const text = String(call.args['text']);
  const meta = call.params['_meta'] as { progressToken?: unknown } | undefined;
  call.send({
    method: 'notifications/progress',
    params: { progressToken: meta?.progressToken, progress: 1, message: text },
  });
  call.send({ method: 'notifications/message', params: { level: 'info', data: text } });
  call.text(text);
};
const ask: Tool = async (call) => {
  const text = String(call.args['text']);
  const question = {
    method: 'elicitation/create',
    params: { message: text, requestedSchema: { type: 'object', properties: {} } },
  };
  if (call.era === 'legacy') {
    await call.ask(question.method, question.params);
    return call.text(text);
  }
  if (call.state === undefined)
    return call.reply({
      resultType: 'input_required',
      inputRequests: { q: question },
      requestState: `state of ${text}`,
    });
  call.text(`${text} ${call.state}`);
};
const task: Tool = (call) =>
  call.reply({
    resultType: 'task',
    taskId: `task of ${String(call.args['text'])}`,
    status: 'working',
    ttlMs: null,
    createdAt: '2026-11-01T00:00:00Z',
    lastUpdatedAt: '2026-11-01T00:00:00Z',
  });

interface Agent {
  readonly index: number;
  readonly modern: Readonly<Record<'m' | 'l', ModernClient>>;
  readonly legacy: Readonly<Record<'m' | 'l', LegacyClient>>;
  readonly streams: Stream[];
}
/** What one agent holds and another tries to use. */
interface Loot {
  readonly owner: number;
  readonly kind: 'session' | 'cursor' | 'state' | 'task';
  readonly server: 'm' | 'l';
  readonly token: string;
}

describe(`${AGENTS} agents at once`, () => {
  let app: TestApp;
  let servers: Record<'m' | 'l', ScriptedServer>;
  const agents: Agent[] = [];
  const loot: Loot[] = [];
  const tried = new Map<string, number>();

  beforeAll(async () => {
    const resources = [
      ...names.map((_, index) => uri(index)),
      ...Array.from({ length: 1_050 }, (_, index) => `test://all/${index}`),
    ];
    const tools = { note, ask, task };
    servers = {
      m: await startScripted({
        era: 'modern',
        tools,
        resources,
        other: ({ method, params }) =>
          method.startsWith('tasks/')
            ? { resultType: 'complete', taskId: params['taskId'], status: 'working' }
            : undefined,
      }),
      l: await startScripted({ era: 'legacy', tools, resources }),
    };
    const own = names.map(
      (name, index) =>
        `permit(principal == Agent::"${name}", action == Action::"resource", resource == Resource::"${uri(index)}");`,
    );
    app = await createTestApp({
      servers: { m: servers.m.entry, l: servers.l.entry },
      agents: names,
      policies: [
        'permit(principal, action, resource) unless { action == Action::"resource" };',
        'permit(principal, action == Action::"resource", resource) when { resource.uri like "test://all/*" };',
        ...own,
      ].join('\n'),
    });
    for (const [index, name] of names.entries()) {
      const token = app.token(name);
      const legacy = {
        m: await legacyClient(app.url('m'), token, { capabilities: { elicitation: {} } }),
        l: await legacyClient(app.url('l'), token, { capabilities: { elicitation: {} } }),
      };
      const modern = { m: modernClient(app.url('m'), token), l: modernClient(app.url('l'), token) };
      const watched = {
        toolsListChanged: true,
        resourceSubscriptions: names.map((_, i) => uri(i)),
      };
      agents.push({
        index,
        modern,
        legacy,
        streams: [
          await legacy.m.stream(),
          await legacy.l.stream(),
          await modern.m.listen(watched),
          await modern.l.listen(watched),
        ],
      });
      for (const server of ['m', 'l'] as const) {
        const answer = await legacy[server].request('resources/subscribe', { uri: uri(index) });
        expect(answer.result).toEqual({});
        const stolen = await legacy[server].request('resources/subscribe', {
          uri: uri((index + 1) % AGENTS),
        });
        expect(stolen.error).toBeDefined();
        loot.push({ owner: index, kind: 'session', server, token: legacy[server].session });
      }
    }
  }, 120_000);
  afterAll(async () => {
    for (const { streams } of agents) for (const stream of streams) stream.close();
    await app.close();
    await servers.m.close();
    await servers.l.close();
  });

  /** One thing an agent does; the answer must be its own. */
  async function act(agent: Agent, dice: number): Promise<void> {
    const { index } = agent;
    const server = dice % 2 === 0 ? 'm' : 'l';
    const text = `${tag(index)} ${dice}`;
    const mine = (answer: Answer): Answer => {
      expect(foreign(index, answer.text)).toEqual([]);
      return answer;
    };
    const modern = agent.modern[server];
    const options = {
      capabilities: CAPABILITIES,
      meta: { progressToken: 1, 'io.modelcontextprotocol/logLevel': 'debug' },
    };
    switch ((dice >> 1) % 8) {
      case 0:
        return void expect(mine(await modern.call('note', { text }, options)).text).toContain(text);
      case 1:
        return void expect(mine(await agent.legacy[server].call('note', { text })).text).toContain(
          text,
        );
      case 2: {
        const first = mine(await modern.call('ask', { text }, options));
        expect(first.result?.['resultType']).toBe('input_required');
        const token = String(first.result?.['requestState']);
        if (dice % 3 === 0) return void loot.push({ owner: index, kind: 'state', server, token });
        const [key] = Object.keys(first.result?.['inputRequests'] ?? {});
        const params = {
          name: 'ask',
          arguments: { text },
          requestState: token,
          inputResponses: { [key ?? '']: { action: 'accept', content: {} } },
        };
        const second = mine(await modern.request('tools/call', params, options));
        return void expect(second.text).toContain(text);
      }
      case 3: {
        const legacy = agent.legacy[server];
        const answer = await legacy.call(
          'ask',
          { text },
          {
            onMessage: ({ id, method }) =>
              method === 'elicitation/create' &&
              void legacy.answer(id, { action: 'accept', content: {} }),
          },
        );
        return void expect(mine(answer).text).toContain(text);
      }
      case 4: {
        const page = mine(await modern.request('resources/list'));
        const token = page.result?.['nextCursor'];
        expect(typeof token).toBe('string');
        if (loot.filter(({ kind }) => kind === 'cursor').length < 40)
          loot.push({ owner: index, kind: 'cursor', server, token: String(token) });
        return void expect(page.text).toContain(uri(index));
      }
      case 5: {
        const started = mine(await agent.modern.m.call('task', { text }, options));
        const taskId = String(started.result?.['taskId']);
        expect(taskId).not.toContain(text);
        loot.push({ owner: index, kind: 'task', server: 'm', token: taskId });
        const got = mine(await agent.modern.m.request('tasks/get', { taskId }, options));
        return void expect(got.result?.['taskId']).toBe(taskId);
      }
      case 6: {
        const other = (index + 1 + (dice % (AGENTS - 1))) % AGENTS;
        const answer = await modern.request('resources/read', { uri: uri(other) });
        return void expect(answer.error).toEqual({
          code: -32602,
          message: 'Resource not found',
          data: { uri: uri(other) },
        });
      }
      default:
        return steal(agent, dice);
    }
  }

  /** Somebody else's token, used in the right place with the right words. */
  async function steal(agent: Agent, dice: number): Promise<void> {
    const others = loot.filter(({ owner }) => owner !== agent.index);
    const one = others[dice % others.length];
    if (one === undefined) return;
    tried.set(one.kind, (tried.get(one.kind) ?? 0) + 1);
    const modern = agent.modern[one.server];
    const meta = { [STOLEN]: true };
    const options = { capabilities: CAPABILITIES, meta };
    const text = `${tag(one.owner)} stolen`;
    if (one.kind === 'session') {
      const thief = await legacyClient(app.url(one.server), app.token(names[agent.index]), {
        session: one.token,
      });
      const answer = await thief.request('tools/call', {
        name: 'note',
        arguments: { text },
        _meta: meta,
      });
      expect(answer.status).toBe(404);
      const stream = await thief.stream();
      expect(stream.status).toBe(404);
      expect((await thief.end()).status).toBe(404);
      return;
    }
    const answer =
      one.kind === 'cursor'
        ? await modern.request('resources/list', { cursor: one.token }, options)
        : one.kind === 'state'
          ? await modern.request(
              'tools/call',
              {
                name: 'ask',
                arguments: { text },
                requestState: one.token,
                inputResponses: {},
              },
              options,
            )
          : await modern.request('tasks/get', { taskId: one.token }, options);
    expect([one.kind, answer.error?.code]).toEqual([one.kind, -32602]);
  }

  it(
    'get what is theirs and nothing else, whatever they hold and try',
    async () => {
      await Promise.all(
        agents.map(async (agent) => {
          for (let i = 0; i < OPERATIONS; i++)
            await act(agent, (i * 7919 + agent.index * 104_729) >>> 0);
        }),
      );
      for (const server of [servers.m, servers.l])
        for (const [index] of names.entries())
          server.announce('notifications/resources/updated', { uri: uri(index) });
      for (const { index, streams } of agents) {
        for (const stream of streams)
          await until(() => stream.messages.some(({ params }) => params?.['uri'] === uri(index)));
      }
      for (const { index, streams } of agents)
        for (const stream of streams) {
          const acknowledged = ({ method }: { method?: string }) =>
            method === 'notifications/subscriptions/acknowledged';
          expect(foreign(index, JSON.stringify(stream.messages))).toEqual([]);
          expect(stream.messages.filter(acknowledged).length).toBeLessThanOrEqual(1);
        }
      expect(new Set(tried.keys())).toEqual(new Set(['session', 'cursor', 'state', 'task']));
    },
    LONG ? 1_800_000 : 60_000,
  );

  it('reached the servers in sessions of their own, and nothing stolen arrived', () => {
    const received = [...servers.m.received, ...servers.l.received];
    const stolen = received.filter(
      ({ params }) => (params['_meta'] as Record<string, unknown> | undefined)?.[STOLEN] === true,
    );
    expect(stolen).toEqual([]);
    const bySession = new Map<string, Set<string>>();
    for (const { session, params } of servers.l.received) {
      if (session === undefined) continue;
      const seen = bySession.get(session) ?? new Set();
      bySession.set(session, seen);
      for (const [found] of JSON.stringify(params).matchAll(/<(\d+)>/g)) seen.add(found);
    }
    expect(bySession.size).toBeGreaterThanOrEqual(AGENTS);
    expect([...bySession.values()].filter((seen) => seen.size > 1)).toEqual([]);
    expect(received.length).toBeGreaterThan((AGENTS * OPERATIONS) / 2);
  });
});
