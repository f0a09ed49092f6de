import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RawJson } from '../model.ts';
import {
  ACCEPT,
  bench,
  type CallOptions,
  ELICIT,
  errorOf,
  fakeClient,
  fakeUpstream,
  json,
  ok,
  okRaw,
  principal,
  raw,
  resultOf,
  run,
} from './fixtures/scripted.ts';

const CAPABLE = {
  elicitation: { form: {}, url: {} },
  sampling: {},
  roots: {},
  extensions: { 'io.modelcontextprotocol/tasks': {} },
};
const CALL = { name: 'echo', arguments: { text: 'hi' } };
const client = (over: Parameters<typeof fakeClient>[0] = {}) =>
  fakeClient({ capabilities: CAPABLE, ...over });
const retry = (state: unknown, over: Partial<CallOptions> = {}): CallOptions => ({
  params: { ...CALL, inputResponses: { q: ACCEPT }, requestState: state },
  ...over,
});
const stateful = (state = '"up \\u0041 1"') =>
  fakeUpstream({
    script: (request) =>
      (request.params ?? '').includes('requestState')
        ? ok({ resultType: 'complete', content: [] })
        : okRaw(
            `{"resultType":"input_required","inputRequests":{"q":${raw(ELICIT)}},"requestState":${state},"x":1.0}`,
          ),
  });

describe('the state of a modern server', () => {
  it('travels sealed and comes back to the server byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 300 }), async (text) => {
        const state = raw(text);
        const upstream = stateful(state);
        const b = bench();
        const first = await run(b, upstream, client());
        if (first.kind !== 'result') throw new Error('no result');
        const sealed = json(first.result)['requestState'];
        expect(first.result).toBe(
          `{"resultType":"input_required","inputRequests":{"q":${raw(ELICIT)}},"requestState":"${String(sealed)}","x":1.0}`,
        );
        expect(text === '' || !String(sealed).includes(text) || text.length < 4).toBe(true);
        expect(resultOf(await run(b, upstream, client(), retry(sealed)))['resultType']).toBe(
          'complete',
        );
        expect(upstream.requests[1]?.params).toBe(
          `{"name":"echo","arguments":{"text":"hi"},"inputResponses":{"q":${raw(ACCEPT)}},"requestState":${state}}`,
        );
      }),
      { numRuns: 40 },
    );
  });

  it('works over several rounds, each with a state of its own', async () => {
    const upstream = fakeUpstream({
      script: (_request, nth) =>
        nth < 3
          ? ok({
              resultType: 'input_required',
              inputRequests: { q: ELICIT },
              requestState: `s${nth}`,
            })
          : ok({ resultType: 'complete', content: [] }),
    });
    const b = bench();
    let result = resultOf(await run(b, upstream, client()));
    for (let i = 0; i < 3; i++)
      result = resultOf(await run(b, upstream, client(), retry(result['requestState'])));
    expect(
      upstream.requests.slice(1).map((request) => json(request.params)['requestState']),
    ).toEqual(['s0', 's1', 's2']);
    expect(result['resultType']).toBe('complete');
  });

  it('does not pass when any bit of it is changed', async () => {
    const upstream = stateful();
    const b = bench();
    const sealed = String(resultOf(await run(b, upstream, client()))['requestState']);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(sealed.length - 1),
        fc.integer({ min: 1, max: 127 }),
        async (at, flip) => {
          const code = sealed.charCodeAt(at) ^ flip;
          const altered = sealed.slice(0, at) + String.fromCharCode(code) + sealed.slice(at + 1);
          expect(errorOf(await run(b, upstream, client(), retry(altered)))).toMatchObject({
            code: -32602,
            message: 'invalid requestState',
          });
        },
      ),
      { numRuns: 300 },
    );
    expect(errorOf(await run(b, upstream, client(), retry(`${sealed}-TAMPERED`))).code).toBe(
      -32602,
    );
    expect(upstream.requests).toHaveLength(1);
    // The baseline: the untouched state passes.
    expect(resultOf(await run(b, upstream, client(), retry(sealed)))['resultType']).toBe(
      'complete',
    );
  });

  it.each<[string, (state: unknown) => [ReturnType<typeof fakeClient>, CallOptions]]>([
    ['another agent', (state) => [client({ principal: principal('agt_bob') }), retry(state)]],
    [
      'another user',
      (state) => [client({ principal: principal('agt_alice', 'usr_eve') }), retry(state)],
    ],
    [
      'a sub-agent',
      (state) => [
        client({ principal: { ...principal(), path: ['agt_root', 'agt_alice'] } }),
        retry(state),
      ],
    ],
    ['other arguments', (state) => [client(), retry(state, { digest: 'digest-2' })]],
    [
      'another tool',
      (state) => [client(), { params: { ...CALL, name: 'rm', requestState: state } }],
    ],
    ['another method', (state) => [client(), retry(state, { method: 'prompts/get' })]],
    ['the server’s own words', () => [client(), retry('up A 1')]],
    ['a number', () => [client(), retry(7)]],
  ])('does not pass for %s', async (_what, attempt) => {
    const upstream = stateful();
    const b = bench();
    const sealed = resultOf(await run(b, upstream, client()))['requestState'];
    const [who, options] = attempt(sealed);
    expect(errorOf(await run(b, upstream, who, options))).toMatchObject({
      code: -32602,
      message: 'invalid requestState',
    });
    expect(upstream.requests).toHaveLength(1);
    expect(resultOf(await run(b, upstream, client(), retry(sealed)))['resultType']).toBe(
      'complete',
    );
  });

  it('does not pass to another server', async () => {
    const b = bench();
    const sealed = resultOf(await run(b, stateful(), client()))['requestState'];
    const { request, target } = (await import('./fixtures/scripted.ts')).call(
      client(),
      retry(sealed),
    );
    const other = stateful();
    const reply = await b.broker.exchange(other.connection, request, { ...target, server: 'mail' });
    expect(errorOf(reply).message).toBe('invalid requestState');
    expect(other.requests).toEqual([]);
  });

  it('passes once', async () => {
    const upstream = stateful();
    const b = bench();
    const sealed = resultOf(await run(b, upstream, client()))['requestState'];
    await run(b, upstream, client(), retry(sealed));
    expect(errorOf(await run(b, upstream, client(), retry(sealed))).message).toBe(
      'invalid requestState',
    );
    expect(upstream.requests).toHaveLength(2);
  });

  it('would pass twice if nobody remembered it', async () => {
    const upstream = stateful();
    const b = bench({ spent: { claim: () => true, size: () => 0 } });
    const sealed = resultOf(await run(b, upstream, client()))['requestState'];
    await run(b, upstream, client(), retry(sealed));
    await run(b, upstream, client(), retry(sealed));
    expect(upstream.requests).toHaveLength(3);
  });

  it('expires', async () => {
    const upstream = stateful();
    const b = bench();
    const sealed = resultOf(await run(b, upstream, client()))['requestState'];
    b.clock.advance(600_000);
    expect(errorOf(await run(b, upstream, client(), retry(sealed))).message).toBe(
      'invalid requestState',
    );
    expect(upstream.requests).toHaveLength(1);
  });

  it('is refused when it is too long to seal', async () => {
    const upstream = stateful(raw('x'.repeat(9_000)));
    expect(errorOf(await run(bench(), upstream, client())).data['code']).toBe(
      'GW_UPSTREAM_PROTOCOL',
    );
  });

  it('of the longest size still comes back', async () => {
    for (const text of ['"'.repeat(4_095), 'x'.repeat(8_190), 'ü'.repeat(4_095)]) {
      const upstream = stateful(raw(text));
      const b = bench();
      const sealed = resultOf(await run(b, upstream, client()))['requestState'];
      expect(resultOf(await run(b, upstream, client(), retry(sealed)))['resultType']).toBe(
        'complete',
      );
    }
  });
});

describe('questions of a modern server', () => {
  const asking = (inputRequests: unknown) =>
    fakeUpstream({ script: () => ok({ resultType: 'input_required', inputRequests }) });

  it('pass byte for byte when there is no state to seal', async () => {
    const text = `{"resultType":"input_required","inputRequests":{"q":${raw(ELICIT)}},"n":1.0}`;
    const reply = await run(bench(), fakeUpstream({ script: () => okRaw(text) }), client());
    expect(reply).toEqual({ kind: 'result', result: text });
  });

  it('pass policy first', async () => {
    const seen: string[] = [];
    const permitAsk = async (method: string) => {
      seen.push(method);
      return method !== 'sampling/createMessage';
    };
    const upstream = asking({ a: ELICIT, b: { method: 'sampling/createMessage', params: {} } });
    expect(resultOf(await run(bench(), upstream, client(), { permitAsk }))).toMatchObject({
      isError: true,
      resultType: 'complete',
    });
    expect(seen).toEqual(['elicitation/create', 'sampling/createMessage']);
    const prompt = await run(bench(), upstream, client(), {
      permitAsk,
      method: 'prompts/get',
      params: { name: 'p' },
    });
    expect(errorOf(prompt).data['code']).toBe('GW_ASK_REFUSED');
  });

  it('of a kind this request did not declare are -32021', async () => {
    const error = errorOf(
      await run(
        bench(),
        asking({ a: { method: 'roots/list' } }),
        fakeClient({ capabilities: { elicitation: {} } }),
      ),
    );
    expect(error).toMatchObject({
      code: -32021,
      status: 400,
      data: { requiredCapabilities: { roots: {} } },
    });
  });

  it('outside the three methods are a fault of the server', async () => {
    const reply = await run(bench(), asking({ a: ELICIT }), client(), {
      method: 'completion/complete',
      params: {},
    });
    expect(errorOf(reply).data['code']).toBe('GW_UPSTREAM_PROTOCOL');
  });

  it('are seen in any spelling', async () => {
    const upstream = fakeUpstream({
      script: () =>
        okRaw(
          '{"result\\u0054ype":"input\\u005frequired","inputRequests":{"a":{"method":"roots/list"}}}',
        ),
    });
    const reply = await run(bench(), upstream, client(), {
      permitAsk: () => Promise.resolve(false),
    });
    expect(resultOf(reply)['isError']).toBe(true);
  });
});

describe('tasks', () => {
  const tasks = (over: Record<string, unknown> = {}) =>
    fakeUpstream({
      script: ({ method }) =>
        method === 'tools/call'
          ? ok({ resultType: 'task', taskId: 'up-1', status: 'working', ttlMs: null })
          : ok({ resultType: 'complete', taskId: 'up-1', status: 'working', ...over }),
    });
  const poll = (taskId: unknown, over: Partial<CallOptions> = {}): CallOptions => ({
    method: 'tasks/get',
    params: { taskId },
    ...over,
  });

  it('get an id of ours that the owner can use', async () => {
    const upstream = tasks();
    const b = bench();
    const started = resultOf(await run(b, upstream, client()));
    const taskId = started['taskId'];
    expect(taskId).not.toBe('up-1');
    expect(b.broker.serverOfTask(String(taskId))).toBe('files');
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      const result = resultOf(await run(b, upstream, client(), poll(taskId, { method })));
      expect(result['taskId']).toBe(taskId);
    }
    expect(upstream.requests.slice(1).map((request) => request.params)).toEqual(
      Array(3).fill('{"taskId":"up-1"}'),
    );
    expect(resultOf(await run(b, upstream, client()))['taskId']).toBe(taskId);
  });

  it.each<[string, (taskId: string) => [ReturnType<typeof fakeClient>, unknown]]>([
    ['another agent', (taskId) => [client({ principal: principal('agt_bob') }), taskId]],
    [
      'another user',
      (taskId) => [client({ principal: principal('agt_alice', 'usr_eve') }), taskId],
    ],
    ['the server’s own id', () => [client(), 'up-1']],
    [
      'a changed id',
      (taskId) => [client(), `${taskId.slice(0, -1)}${taskId.endsWith('A') ? 'B' : 'A'}`],
    ],
    ['a number', () => [client(), 5]],
  ])('are unknown to %s', async (_what, attempt) => {
    const upstream = tasks();
    const b = bench();
    const taskId = String(resultOf(await run(b, upstream, client()))['taskId']);
    const [who, id] = attempt(taskId);
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      expect(errorOf(await run(b, upstream, who, poll(id, { method })))).toMatchObject({
        code: -32602,
        message: 'Unknown task',
      });
    }
    expect(upstream.requests).toHaveLength(1);
  });

  it('expire', async () => {
    const upstream = tasks();
    const b = bench({ limits: { taskTtlMs: 1_000 } });
    const taskId = resultOf(await run(b, upstream, client()))['taskId'];
    b.clock.advance(1_000);
    expect(errorOf(await run(b, upstream, client(), poll(taskId))).message).toBe('Unknown task');
    expect(upstream.requests).toHaveLength(1);
  });

  it('are a fault when this request did not declare the extension', async () => {
    const reply = await run(bench(), tasks(), fakeClient({ capabilities: {} }));
    expect(errorOf(reply).data['code']).toBe('GW_UPSTREAM_PROTOCOL');
  });

  it('show only the questions that policy allows', async () => {
    const upstream = tasks({
      inputRequests: {
        a: ELICIT,
        b: { method: 'sampling/createMessage', params: {} },
        c: { method: 'x/y' },
      },
    });
    const b = bench();
    const taskId = resultOf(await run(b, upstream, client()))['taskId'];
    const permitAsk = async (method: string) => method !== 'sampling/createMessage';
    const result = resultOf(await run(b, upstream, client(), poll(taskId, { permitAsk })));
    expect(result['inputRequests']).toEqual({ a: ELICIT });
    const none = resultOf(
      await run(b, upstream, client(), poll(taskId, { permitAsk: () => Promise.resolve(false) })),
    );
    expect(none).not.toHaveProperty('inputRequests');
  });
});

describe('legacy tasks on a legacy server', () => {
  const CLIENT = { revision: '2025-11-25', capabilities: { elicitation: {} } } as const;
  const upstream = () =>
    fakeUpstream({
      revision: '2025-11-25',
      script: ({ method }) => {
        if (method === 'tools/call')
          return ok({
            task: { taskId: 'up-1', status: 'working' },
            _meta: { 'io.modelcontextprotocol/related-task': { taskId: 'up-1' } },
          });
        if (method === 'tasks/list') return ok({ tasks: [{ taskId: 'up-1' }, { taskId: 'up-2' }] });
        if (method === 'tasks/result')
          return ok({
            content: [],
            taskId: 'mine',
            _meta: { 'io.modelcontextprotocol/related-task': { taskId: 'up-1' } },
          });
        return ok({ taskId: 'up-1', status: 'working' });
      },
    });

  it('use ids of ours everywhere 2025-11-25 has one', async () => {
    const up = upstream();
    const b = bench();
    const started = resultOf(
      await run(b, up, fakeClient(CLIENT), { params: { ...CALL, task: {} } }),
    );
    const taskId = (started['task'] as Record<string, unknown>)['taskId'];
    expect(JSON.stringify(started)).not.toContain('up-1');
    const got = resultOf(
      await run(b, up, fakeClient(CLIENT), { method: 'tasks/get', params: { taskId } }),
    );
    expect(got['taskId']).toBe(taskId);
    const payload = resultOf(
      await run(b, up, fakeClient(CLIENT), { method: 'tasks/result', params: { taskId } }),
    );
    expect(payload).toEqual({
      content: [],
      taskId: 'mine',
      _meta: { 'io.modelcontextprotocol/related-task': { taskId } },
    });
    const list = resultOf(
      await run(b, up, fakeClient(CLIENT), { method: 'tasks/list', params: {} }),
    );
    expect((list['tasks'] as Array<Record<string, unknown>>)[0]?.['taskId']).toBe(taskId);
    expect(up.requests[1]?.params).toBe('{"taskId":"up-1"}');
    const bob = fakeClient({ ...CLIENT, principal: principal('agt_bob') });
    expect(errorOf(await run(b, up, bob, { method: 'tasks/get', params: { taskId } })).code).toBe(
      -32602,
    );
    expect(up.requests).toHaveLength(4);
  });

  it('leave a plain call byte for byte', async () => {
    const text = '{"task":{"taskId":"the tool’s own"}}' as RawJson;
    const up = fakeUpstream({ revision: '2025-11-25', script: () => okRaw(text) });
    expect(await run(bench(), up, fakeClient(CLIENT))).toEqual({ kind: 'result', result: text });
  });
});
