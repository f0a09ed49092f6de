import { describe, expect, it } from 'vitest';
import type { PeerAnswer, RawJson, Revision } from '../model.ts';
import {
  ACCEPT,
  bench,
  ELICIT,
  errorOf,
  fail,
  fakeClient,
  fakeUpstream,
  json,
  ok,
  okRaw,
  raw,
  resultOf,
  run,
  type Script,
  settle,
} from './fixtures/scripted.ts';

const MODERN: Revision = '2026-07-28';
const LATEST: Revision = '2025-11-25';

const modern = (script: Script) => fakeUpstream({ revision: MODERN, script });
const answering =
  (answer: unknown, seen: unknown[] = []) =>
  async (method: string, params: RawJson | undefined): Promise<PeerAnswer> => {
    seen.push({ method, params: json(params) });
    return { result: raw(answer) };
  };
const done = { resultType: 'complete', content: [{ type: 'text', text: 'done' }] };

describe('results for a legacy client', () => {
  it('lose the modern members and keep every other byte', async () => {
    const upstream = modern(() =>
      okRaw(
        '{"resultType":"complete","contents":[ ],"ttlMs":5,"n":1.0,"cacheScope":"public","_meta":{"a":9007199254740993}}',
      ),
    );
    const reply = await run(bench(), upstream, fakeClient({ revision: LATEST }), {
      method: 'resources/read',
      params: { uri: 'a:b' },
    });
    expect(reply).toEqual({
      kind: 'result',
      result: '{"contents":[ ],"n":1.0,"_meta":{"a":9007199254740993}}',
    });
  });

  it('carry a non-object structuredContent as { result } and as text', async () => {
    const upstream = modern(() =>
      okRaw('{"resultType":"complete","content":[],"structuredContent":[1,2.0]}'),
    );
    const reply = await run(bench(), upstream, fakeClient({ revision: LATEST }));
    expect(reply).toEqual({
      kind: 'result',
      result:
        '{"content":[{"type":"text","text":"[1,2.0]"}],"structuredContent":{"result":[1,2.0]}}',
    });
  });

  it('keep an object structuredContent byte for byte', async () => {
    const upstream = modern(() => okRaw('{"content":[],"structuredContent":{"a":1.0}}'));
    const reply = await run(bench(), upstream, fakeClient({ revision: LATEST }));
    expect(reply).toEqual({
      kind: 'result',
      result: '{"content":[],"structuredContent":{"a":1.0}}',
    });
  });

  it('before 2025-06-18 have no structuredContent and no resource links', async () => {
    const upstream = modern(() =>
      ok({
        ...done,
        structuredContent: { a: 1 },
        content: [
          { type: 'resource_link', uri: 'file:///a', name: 'a', title: 'A' },
          { type: 'audio', data: 'QQ==', mimeType: 'audio/wav' },
        ],
      }),
    );
    const result = resultOf(await run(bench(), upstream, fakeClient({ revision: '2025-03-26' })));
    expect(result).toEqual({
      content: [
        { type: 'text', text: 'A: file:///a' },
        { type: 'audio', data: 'QQ==', mimeType: 'audio/wav' },
      ],
    });
  });

  it('say as text what only structuredContent said', async () => {
    const upstream = modern(() =>
      ok({ resultType: 'complete', content: [], structuredContent: { a: 1 } }),
    );
    const result = resultOf(await run(bench(), upstream, fakeClient({ revision: '2025-03-26' })));
    expect(result).toEqual({ content: [{ type: 'text', text: '{"a":1}' }] });
  });

  it('before 2025-03-26 have audio as an embedded resource, in prompts too', async () => {
    const audio = { type: 'audio', data: 'QQ==', mimeType: 'audio/wav' };
    const embedded = {
      type: 'resource',
      resource: { uri: 'urn:sallyport:audio:0', mimeType: 'audio/wav', blob: 'QQ==' },
    };
    const tool = modern(() => ok({ resultType: 'complete', content: [audio] }));
    const old = fakeClient({ revision: '2024-11-05' });
    expect(resultOf(await run(bench(), tool, old))).toEqual({ content: [embedded] });
    const prompt = modern(() =>
      ok({ resultType: 'complete', messages: [{ role: 'user', content: audio }] }),
    );
    const reply = await run(bench(), prompt, old, { method: 'prompts/get', params: { name: 'p' } });
    expect(resultOf(reply)).toEqual({ messages: [{ role: 'user', content: embedded }] });
  });
});

describe('errors for a legacy client', () => {
  it.each([
    ['resources/read', -32602, { uri: 'a:b' }, -32002],
    ['resources/read', -32602, undefined, -32602],
    ['tools/call', -32602, { uri: 'a:b' }, -32602],
    ['prompts/get', -32020, undefined, -32603],
    ['prompts/get', -32021, {}, -32603],
    ['prompts/get', -32022, {}, -32603],
    ['vendor/x', -32601, undefined, -32601],
  ])('%s %d %j becomes %d', async (method, code, data, expected) => {
    const upstream = modern(() => fail(code, 'words', data));
    const reply = await run(bench(), upstream, fakeClient({ revision: LATEST }), {
      method,
      params: { name: 'x', uri: 'a:b' },
    });
    expect(errorOf(reply).code).toBe(expected);
  });

  it('tell a tool that insists on a capability as a tool result', async () => {
    const upstream = modern(() => fail(-32021, 'needs tasks', { requiredCapabilities: {} }));
    expect(
      resultOf(await run(bench(), upstream, fakeClient({ revision: LATEST })))['isError'],
    ).toBe(true);
  });
});

describe('input_required for a legacy client', () => {
  const capable = { elicitation: { url: {}, form: {} }, sampling: {}, roots: {} };

  it('becomes real questions, then a retry with this round’s answers and the exact state', async () => {
    const state = '"opaque \\u0041 state"';
    const upstream = modern((_request, nth) =>
      nth === 0
        ? okRaw(
            `{"resultType":"input_required","inputRequests":{"q1":${raw(ELICIT)},"q2":{"method":"roots/list"}},"requestState":${state}}`,
          )
        : nth === 1
          ? okRaw(
              `{"resultType":"input_required","inputRequests":{"q3":${raw(ELICIT)}},"requestState":"two"}`,
            )
          : ok(done),
    );
    const seen: unknown[] = [];
    const client = fakeClient({
      revision: LATEST,
      capabilities: capable,
      ask: answering(ACCEPT, seen),
    });
    const reply = await run(bench(), upstream, client, {
      rawParams: '{"name":"echo","arguments":{"n":1.0}}',
    });
    expect(resultOf(reply)).toEqual({ content: done.content });
    expect(seen).toHaveLength(3);
    const a = raw(ACCEPT);
    expect(upstream.requests.map((request) => request.params)).toEqual([
      '{"name":"echo","arguments":{"n":1.0}}',
      `{"name":"echo","arguments":{"n":1.0},"inputResponses":{"q1":${a},"q2":${a}},"requestState":${state}}`,
      `{"name":"echo","arguments":{"n":1.0},"inputResponses":{"q3":${a}},"requestState":"two"}`,
    ]);
  });

  it('gives a URL question an elicitationId, which the modern era has not', async () => {
    const upstream = modern((_request, nth) =>
      nth === 0
        ? ok({
            resultType: 'input_required',
            inputRequests: {
              u: {
                method: 'elicitation/create',
                params: { mode: 'url', message: 'm', url: 'https://x.test/' },
              },
            },
          })
        : ok(done),
    );
    const seen: Array<{ params: Record<string, unknown> }> = [];
    const client = fakeClient({
      revision: LATEST,
      capabilities: capable,
      ask: answering({ action: 'accept' }, seen),
    });
    await run(bench(), upstream, client);
    expect(seen[0]?.params['elicitationId']).toMatch(/^[0-9a-f]{32}$/);
  });

  it('is given up after eight rounds', async () => {
    const upstream = modern(() =>
      ok({ resultType: 'input_required', inputRequests: { q: ELICIT } }),
    );
    const client = fakeClient({ revision: LATEST, capabilities: capable, ask: answering(ACCEPT) });
    expect(resultOf(await run(bench(), upstream, client))['isError']).toBe(true);
    expect(upstream.requests).toHaveLength(9);
    const prompt = await run(bench(), upstream, client, {
      method: 'prompts/get',
      params: { name: 'p' },
    });
    expect(errorOf(prompt).data['code']).toBe('GW_TOO_MANY_ROUNDS');
  });

  it('with state alone is paced by 250 ms', async () => {
    const upstream = modern((_request, nth) =>
      nth < 2 ? ok({ resultType: 'input_required', requestState: `s${nth}` }) : ok(done),
    );
    const b = bench();
    const reply = run(b, upstream, fakeClient({ revision: LATEST }));
    await settle();
    b.clock.advance(249);
    await settle();
    expect(upstream.requests).toHaveLength(1);
    b.clock.advance(1);
    await settle();
    expect(upstream.requests[1]?.params).toContain('"requestState":"s0"');
    expect(upstream.requests[1]?.params).not.toContain('inputResponses');
    b.clock.advance(250);
    expect(resultOf(await reply)).toEqual({ content: done.content });
  });

  it('ends a leg after ten minutes', async () => {
    const upstream = modern(() =>
      ok({ resultType: 'input_required', inputRequests: { q: ELICIT } }),
    );
    const client = fakeClient({
      revision: LATEST,
      capabilities: capable,
      ask: (_m, _p, signal) =>
        new Promise((_r, reject) =>
          signal.addEventListener('abort', () => reject(new Error('late'))),
        ),
    });
    const b = bench();
    const reply = run(b, upstream, client);
    await settle();
    b.clock.advance(600_000);
    expect(json(((await reply) as { result: RawJson }).result)).toMatchObject({
      isError: true,
      _meta: { 'dev.sallyport/failure': { code: 'GW_ASK_UNANSWERED' } },
    });
    expect(upstream.requests).toHaveLength(1);
    expect(b.clock.pending()).toBe(0);
  });

  it('is not asked when policy refuses, and the server is not called again', async () => {
    const upstream = modern(() =>
      ok({ resultType: 'input_required', inputRequests: { q: ELICIT } }),
    );
    const seen: unknown[] = [];
    const client = fakeClient({
      revision: LATEST,
      capabilities: capable,
      ask: answering(ACCEPT, seen),
    });
    const reply = await run(bench(), upstream, client, { permitAsk: () => Promise.resolve(false) });
    expect(resultOf(reply)['isError']).toBe(true);
    expect(seen).toEqual([]);
    expect(upstream.requests).toHaveLength(1);
  });

  it('tells the model, with the URL, when the client can’t be asked', async () => {
    const upstream = modern(() =>
      ok({
        resultType: 'input_required',
        inputRequests: {
          u: {
            method: 'elicitation/create',
            params: { mode: 'url', message: 'Sign in.', url: 'https://x.test/go' },
          },
        },
      }),
    );
    const result = resultOf(await run(bench(), upstream, fakeClient({ revision: '2025-06-18' })));
    expect(result['isError']).toBe(true);
    expect(JSON.stringify(result['content'])).toContain('https://x.test/go');
  });

  it('tells a 2025-11-25 client that knows URLs by -32042 when it has no stream', async () => {
    const upstream = modern(() =>
      ok({
        resultType: 'input_required',
        inputRequests: {
          u: {
            method: 'elicitation/create',
            params: { mode: 'url', message: 'm', url: 'https://x.test/go' },
          },
        },
      }),
    );
    const error = errorOf(
      await run(bench(), upstream, fakeClient({ revision: LATEST, capabilities: capable })),
    );
    expect(error.code).toBe(-32042);
    expect(error.data['elicitations']).toMatchObject([{ mode: 'url', url: 'https://x.test/go' }]);
  });

  it('is a JSON-RPC error for other methods', async () => {
    const upstream = modern(() =>
      ok({ resultType: 'input_required', inputRequests: { q: ELICIT } }),
    );
    const reply = await run(bench(), upstream, fakeClient({ revision: LATEST }), {
      method: 'prompts/get',
      params: { name: 'p' },
    });
    expect(errorOf(reply).data['code']).toBe('GW_CANNOT_ASK');
  });

  it('declares to the server only what can be asked here', async () => {
    const upstream = modern(() => ok(done));
    const capabilities = {
      ...capable,
      tasks: { list: {} },
      extensions: { 'io.modelcontextprotocol/tasks': {}, 'x.test/ui': {} },
    };
    await run(bench(), upstream, fakeClient({ revision: LATEST, capabilities }));
    await run(
      bench(),
      upstream,
      fakeClient({ revision: LATEST, capabilities, ask: answering({}) }),
    );
    expect(json(upstream.requests[0]?.client.capabilities)).toEqual({
      elicitation: { url: {} },
      extensions: { 'x.test/ui': {} },
    });
    expect(json(upstream.requests[1]?.client.capabilities)).toEqual({
      ...capable,
      extensions: { 'x.test/ui': {} },
    });
  });

  it('shows only progress that rises over all rounds', async () => {
    const upstream = modern((request, nth) => {
      for (const progress of [1, 2])
        request.onNotification(
          'notifications/progress',
          raw({ progressToken: 1, progress: progress + nth }),
        );
      return nth === 0 ? ok({ resultType: 'input_required', requestState: 's' }) : ok(done);
    });
    const b = bench();
    const client = fakeClient({ revision: LATEST });
    const reply = run(b, upstream, client);
    await settle();
    b.clock.advance(250);
    await reply;
    expect(client.notifications.map(({ params }) => json(params)['progress'])).toEqual([1, 2, 3]);
  });

  it.each([
    ['a question nobody knows', { inputRequests: { q: { method: 'files/delete' } } }],
    ['no question and no state', {}],
    ['a state that is no string', { requestState: 5 }],
    [
      'too many questions',
      {
        inputRequests: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`q${i}`, ELICIT])),
      },
    ],
    ['questions that are no object', { inputRequests: [] }],
  ])('with %s is a fault of the server', async (_what, body) => {
    const upstream = modern(() => ok({ resultType: 'input_required', ...body }));
    const client = fakeClient({ revision: LATEST, capabilities: capable, ask: answering(ACCEPT) });
    expect(errorOf(await run(bench(), upstream, client)).data['code']).toBe('GW_UPSTREAM_PROTOCOL');
    expect(upstream.requests).toHaveLength(1);
  });
});

it('keeps a legacy client from handing state or answers of its own to a modern server', async () => {
  const upstream = modern(() => ok(done));
  await run(bench(), upstream, fakeClient({ revision: LATEST }), {
    rawParams: '{"name":"a","request\\u0053tate":"stolen","inputResponses":{"q":{}}}',
  });
  expect(upstream.requests[0]?.params).toBe('{"name":"a"}');
});

it('refuses a task that nobody asked for, and has no core tasks to offer', async () => {
  const upstream = modern(() => ok({ resultType: 'task', taskId: 'x' }));
  const client = fakeClient({ revision: LATEST });
  expect(errorOf(await run(bench(), upstream, client)).data['code']).toBe('GW_UPSTREAM_PROTOCOL');
  expect(
    errorOf(await run(bench(), upstream, client, { method: 'tasks/get', params: { taskId: 'x' } }))
      .code,
  ).toBe(-32601);
  expect(upstream.requests).toHaveLength(1);
});
