import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, legacyClient, type ModernClient, modernClient } from './raw-client.ts';
import { type ScriptedServer, startScripted, type Tool } from './scripted-http-server.ts';
import { createMovableClock, createTestApp, type TestApp } from './test-app.ts';

type Json = Record<string, unknown>;
const MINUTE = 60_000;
const OPTIONS = {
  capabilities: { elicitation: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } },
};
const question = {
  method: 'elicitation/create',
  params: { message: 'sure?', requestedSchema: { type: 'object', properties: {} } },
};

describe('what the gateway seals', () => {
  const clock = createMovableClock();
  /** What servers did because of an answered question, a task method, or a session's call. */
  let executed: string[] = [];
  let app: TestApp;
  let servers: Record<'m' | 'l', ScriptedServer>;
  let alice: Record<'m' | 'l', ModernClient>;
  let bob: Record<'m' | 'l', ModernClient>;

  const pay: Tool = async (call) => {
    if (call.era === 'legacy') await call.ask(question.method, question.params);
    else if (call.state === undefined)
      return call.reply({
        resultType: 'input_required',
        inputRequests: { q: question },
        requestState: 'upstream-state',
      });
    if (call.cancelled.aborted) return;
    executed.push(`pay ${JSON.stringify(call.args)} ${call.state ?? 'parked'}`);
    call.text('paid');
  };
  const task: Tool = (call) =>
    call.reply({ resultType: 'task', taskId: 'job-1', status: 'working', ttlMs: null });
  const act: Tool = (call) => {
    executed.push('act');
    call.text('done');
  };

  const clients = (agent: string): Record<'m' | 'l', ModernClient> => ({
    m: modernClient(app.url('m'), app.token(agent)),
    l: modernClient(app.url('l'), app.token(agent)),
  });
  beforeAll(async () => {
    const tools = { pay, refund: pay, task, act };
    const resources = Array.from({ length: 1_001 }, (_, index) => `test://${index}`);
    servers = {
      m: await startScripted({
        era: 'modern',
        tools,
        resources,
        other: ({ method, params }) => {
          if (!method.startsWith('tasks/')) return undefined;
          executed.push(`${method} ${params['taskId']}`);
          return { resultType: 'complete', taskId: params['taskId'], status: 'working' };
        },
      }),
      l: await startScripted({ era: 'legacy', tools, resources }),
    };
    app = await createTestApp({
      servers: { m: servers.m.entry, l: servers.l.entry },
      agents: ['alice', 'bob'],
      clock,
    });
  });
  beforeEach(async () => {
    // The tokens of the test before have ended: an agent may hold only a few.
    clock.advance(61 * MINUTE);
    await app.renewToken('alice');
    await app.renewToken('bob');
    alice = clients('alice');
    bob = clients('bob');
    executed = [];
  });
  afterAll(async () => {
    await app.close();
    await servers.m.close();
    await servers.l.close();
  });

  const start = async (server: 'm' | 'l', args: Json = { amount: 1 }): Promise<string> => {
    const first = await alice[server].call('pay', args, OPTIONS);
    expect(first.result?.['resultType']).toBe('input_required');
    return String(first.result?.['requestState']);
  };
  const retry = async (
    client: ModernClient,
    requestState: unknown,
    more: Json = {},
  ): Promise<Answer> => {
    const answers = Object.fromEntries(
      ['q', 'ask', '1', 'ask-1'].map((key) => [key, { action: 'accept', content: {} }]),
    );
    return client.request(
      'tools/call',
      { name: 'pay', arguments: { amount: 1 }, requestState, inputResponses: answers, ...more },
      OPTIONS,
    );
  };
  /** Another spelling of the token that is not the token. */
  const altered = (token: string): fc.Arbitrary<string> =>
    fc
      .oneof(
        fc
          .tuple(fc.nat(token.length - 1), fc.constantFrom(...'ABCZaz09-_.=+/ '))
          .map(([at, char]) => token.slice(0, at) + char + token.slice(at + 1)),
        fc.nat(token.length - 1).map((length) => token.slice(0, length)),
        fc.constantFrom(
          `${token}A`,
          `${token}=`,
          ` ${token}`,
          token.toUpperCase(),
          `x${token}`,
          '',
        ),
      )
      .filter((other) => other !== token);
  const never = async (
    token: string,
    attempt: (other: string) => Promise<unknown>,
  ): Promise<void> => {
    await fc.assert(
      fc.asyncProperty(altered(token), async (other) => {
        await attempt(other);
        expect(executed).toEqual([]);
      }),
      { numRuns: 60 },
    );
  };
  const expectInvalid = (answer: Answer): void => expect(answer.error?.code).toBe(-32602);

  describe.each(['m', 'l'] as const)('requestState (server %s)', (server) => {
    it('opens for nothing but itself', async () => {
      const token = await start(server);
      await never(token, async (other) => expectInvalid(await retry(alice[server], other)));
      for (const other of [1, null, {}, [token]]) expectInvalid(await retry(alice[server], other));
      expect(executed).toEqual([]);
    });

    it('serves nobody else, no other arguments, tool or server', async () => {
      const token = await start(server);
      expectInvalid(await retry(bob[server], token));
      expectInvalid(await retry(alice[server], token, { arguments: { amount: 2 } }));
      expectInvalid(await retry(alice[server], token, { arguments: { amount: 1, to: 'eve' } }));
      expectInvalid(await retry(alice[server], token, { name: 'refund' }));
      expectInvalid(await retry(alice[server === 'm' ? 'l' : 'm'], token));
      const params = { name: 'pay', requestState: token };
      expect((await alice[server].request('prompts/get', params, OPTIONS)).error).toBeDefined();
      expect(executed).toEqual([]);
    });

    it('serves once', async () => {
      const token = await start(server);
      expect((await retry(alice[server], token)).text).toContain('paid');
      expect(executed).toHaveLength(1);
      for (let i = 0; i < 3; i++) expectInvalid(await retry(alice[server], token));
      expect(executed).toHaveLength(1);
    });

    it('serves once of many at the same time', async () => {
      const token = await start(server);
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => retry(alice[server], token)),
      );
      expect(executed).toHaveLength(1);
      expect(answers.filter(({ text }) => text.includes('paid'))).toHaveLength(1);
    });

    it('ends after ten minutes', async () => {
      const token = await start(server);
      clock.advance(10 * MINUTE + 1);
      expectInvalid(await retry(alice[server], token));
      expect(executed).toEqual([]);
    });
  });

  it('a session id opens for nothing but itself, and ends with its time, its DELETE and for others', async () => {
    const session = await legacyClient(app.url('l'), app.token('alice'));
    const withId = (id: string, agent = 'alice', url = app.url('l')): Promise<Answer> =>
      legacyClient(url, app.token(agent), { session: id }).then((client) => client.call('act'));
    await never(session.session, async (other) => {
      // A header can't carry edge blanks, so those spellings arrive as the id itself.
      if (other.trim() === session.session || other === '') return;
      const { status } = await withId(other);
      expect([400, 404]).toContain(status);
    });
    expect((await withId(session.session, 'bob')).status).toBe(404);
    expect((await withId(session.session, 'alice', app.url('m'))).status).toBe(404);
    expect((await withId(session.session, 'alice', app.url())).status).toBe(404);
    expect(executed).toEqual([]);
    expect((await withId(session.session)).text).toContain('done');
    executed = [];
    await session.end();
    expect((await withId(session.session)).status).toBe(404);
    const second = await legacyClient(app.url('l'), app.token('alice'));
    clock.advance(24 * 60 * MINUTE + 1);
    await app.renewToken('alice');
    expect((await withId(second.session)).status).toBe(404);
    expect(executed).toEqual([]);
  });

  it('a cursor opens for its owner, list and endpoint only, for an hour', async () => {
    const list = (client: ModernClient, cursor: unknown, method = 'resources/list') =>
      client.request(method, { cursor });
    const first = await alice.m.request('resources/list');
    const cursor = String(first.result?.['nextCursor']);
    await never(cursor, async (other) => expectInvalid(await list(alice.m, other)));
    for (const other of [1, {}, true]) expectInvalid(await list(alice.m, other));
    expectInvalid(await list(bob.m, cursor));
    expectInvalid(await list(alice.l, cursor));
    expectInvalid(await list(modernClient(app.url(), app.token('alice')), cursor));
    expectInvalid(await list(alice.m, cursor, 'tools/list'));
    const second = await list(alice.m, cursor);
    expect(second.result?.['resources']).toHaveLength(1);
    expect(second.result?.['nextCursor']).toBeUndefined();
    clock.advance(60 * MINUTE + 1);
    await app.renewToken('alice');
    expectInvalid(await list(clients('alice').m, cursor));
  });

  it('a task id opens for its owner at its server only, for thirty days', async () => {
    const started = await alice.m.call('task', {}, OPTIONS);
    const taskId = String(started.result?.['taskId']);
    const run = (client: ModernClient, id: unknown, method = 'tasks/get'): Promise<Answer> =>
      client.request(method, { taskId: id }, OPTIONS);
    await never(taskId, async (other) => expect((await run(alice.m, other)).error).toBeDefined());
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      expectInvalid(await run(bob.m, taskId, method));
      expectInvalid(await run(alice.l, taskId, method));
      expectInvalid(await run(alice.m, 'job-1', method));
    }
    expect(executed).toEqual([]);
    expect((await run(alice.m, taskId)).result).toMatchObject({ taskId, status: 'working' });
    expect(executed).toEqual(['tasks/get job-1']);
    executed = [];
    clock.advance(31 * 24 * 60 * MINUTE);
    await app.renewToken('alice');
    expectInvalid(await run(clients('alice').m, taskId));
    expect(executed).toEqual([]);
  });

  it('one kind is never taken for another', async () => {
    const session = await legacyClient(app.url('m'), app.token('alice'));
    const state = await start('m');
    const cursor = String((await alice.m.request('resources/list')).result?.['nextCursor']);
    const taskId = String((await alice.m.call('task', {}, OPTIONS)).result?.['taskId']);
    for (const token of [session.session, cursor, taskId])
      expectInvalid(await retry(alice.m, token));
    for (const token of [session.session, cursor, state])
      expectInvalid(await alice.m.request('tasks/get', { taskId: token }, OPTIONS));
    for (const token of [session.session, state, taskId])
      expectInvalid(await alice.m.request('resources/list', { cursor: token }));
    for (const token of [cursor, state, taskId]) {
      const client = await legacyClient(app.url('m'), app.token('alice'), { session: token });
      expect((await client.call('act')).status).toBe(404);
    }
    expect(executed).toEqual([]);
  });
});
