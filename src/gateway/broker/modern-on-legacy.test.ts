import { describe, expect, it } from 'vitest';
import type { RawJson, Revision } from '../model.ts';
import {
  ACCEPT,
  bench,
  type CallOptions,
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

const LEGACY: Revision = '2025-11-25';
const CAPABLE = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
const CALL = { name: 'echo', arguments: { text: 'hi' } };
const FORM = { message: 'Name?', requestedSchema: { type: 'object', properties: {} } };

const legacy = (script: Script, revision: Revision = LEGACY) => fakeUpstream({ revision, script });

/** A server that asks `count` times, one after the other, and then says what it heard. */
const asking = (count: number, method = 'elicitation/create', params: unknown = FORM) => {
  const heard: unknown[] = [];
  const upstream = legacy(async (request) => {
    for (let i = 0; i < count; i++) {
      const answer = await request.onRequest(method, raw(params), new AbortController().signal);
      heard.push('result' in answer ? json(answer.result) : json(answer.error));
    }
    return ok({ content: [], heard: heard.length });
  });
  return { upstream, heard };
};

const retry = (
  result: Record<string, unknown>,
  responses: unknown,
  over: Partial<CallOptions> = {},
): CallOptions => ({
  params: { ...CALL, inputResponses: responses, requestState: result['requestState'] },
  ...over,
});

describe('results for a modern client', () => {
  it('gain resultType and serverInfo and keep every other byte', async () => {
    const upstream = legacy(() => okRaw('{"content":[ ],"n":1.0,"_meta":{"a":1.0}}'));
    expect(await run(bench(), upstream, fakeClient())).toEqual({
      kind: 'result',
      result:
        '{"resultType":"complete","content":[ ],"n":1.0,"_meta":{"a":1.0,"io.modelcontextprotocol/serverInfo":{"name":"files","version":"1"}}}',
    });
  });

  it('may be kept for nobody where the method is cacheable', async () => {
    const upstream = legacy(() => ok({ contents: [] }));
    const result = resultOf(
      await run(bench(), upstream, fakeClient(), {
        method: 'resources/read',
        params: { uri: 'a:b' },
      }),
    );
    expect(result).toMatchObject({
      resultType: 'complete',
      ttlMs: 0,
      cacheScope: 'private',
      contents: [],
    });
  });

  it('can’t pretend to be modern ones', async () => {
    const upstream = legacy(() =>
      ok({
        resultType: 'input_required',
        requestState: 'x',
        ttlMs: 9,
        cacheScope: 'public',
        contents: [],
      }),
    );
    const result = resultOf(
      await run(bench(), upstream, fakeClient(), {
        method: 'resources/read',
        params: { uri: 'a:b' },
      }),
    );
    expect(result).toMatchObject({ resultType: 'complete', ttlMs: 0, cacheScope: 'private' });
  });
});

describe('errors for a modern client', () => {
  it.each([
    ['resources/read', -32002, { uri: 'a:b', more: 1 }, -32602, { uri: 'a:b', more: 1 }, 200],
    ['resources/read', -32002, undefined, -32602, { uri: 'a:b' }, 200],
    ['vendor/x', -32601, undefined, -32601, {}, 404],
    ['tools/call', -32000, { a: 1 }, -32603, { a: 1 }, 200],
    ['tools/call', 77, { a: 1 }, 77, { a: 1 }, 200],
  ])(
    '%s %d %j becomes %d %j with status %d',
    async (method, code, data, expected, facts, status) => {
      const upstream = legacy(() => fail(code, 'words', data));
      const error = errorOf(
        await run(bench(), upstream, fakeClient(), { method, params: { name: 'x', uri: 'a:b' } }),
      );
      expect(error).toEqual({ code: expected, message: 'words', data: facts, status });
    },
  );
});

describe('a question in the middle of a call', () => {
  it('parks the call, and the retry continues it without calling again', async () => {
    const { upstream, heard } = asking(2);
    const b = bench();
    const client = fakeClient({ capabilities: CAPABLE });
    const first = resultOf(await run(b, upstream, client));
    expect(first).toMatchObject({
      resultType: 'input_required',
      inputRequests: { 'ask-1': { method: 'elicitation/create', params: FORM } },
    });
    expect(b.broker.parkedCalls()).toBe(1);
    const second = resultOf(await run(b, upstream, client, retry(first, { 'ask-1': ACCEPT })));
    expect(Object.keys(second['inputRequests'] as object)).toEqual(['ask-2']);
    const last = resultOf(
      await run(b, upstream, client, retry(second, { 'ask-2': { action: 'decline' } })),
    );
    expect(last).toMatchObject({ resultType: 'complete', heard: 2 });
    expect(heard).toEqual([ACCEPT, { action: 'decline' }]);
    expect(upstream.requests).toHaveLength(1);
    expect(b.broker.parkedCalls()).toBe(0);
    expect(b.clock.pending()).toBe(0);
  });

  it('hands over several questions at once and asks again for what was not answered', async () => {
    const heard: string[] = [];
    const upstream = legacy(async (request) => {
      const signal = new AbortController().signal;
      await Promise.all(
        ['elicitation/create', 'roots/list'].map(async (method) => {
          await request.onRequest(method, method === 'roots/list' ? undefined : raw(FORM), signal);
          heard.push(method);
        }),
      );
      return ok({ content: [] });
    });
    const b = bench();
    const client = fakeClient({ capabilities: CAPABLE });
    const first = resultOf(await run(b, upstream, client));
    expect(Object.keys(first['inputRequests'] as object)).toEqual(['ask-1', 'ask-2']);
    const second = resultOf(
      await run(
        b,
        upstream,
        client,
        retry(first, { 'ask-2': { roots: [] }, other: ACCEPT, 'ask-1': 5 }),
      ),
    );
    expect(Object.keys(second['inputRequests'] as object)).toEqual(['ask-1']);
    expect(
      resultOf(await run(b, upstream, client, retry(second, { 'ask-1': ACCEPT })))['resultType'],
    ).toBe('complete');
    expect(heard).toEqual(['roots/list', 'elicitation/create']);
    expect(upstream.requests).toHaveLength(1);
  });

  it('loses what only its own leg means', async () => {
    const { upstream } = asking(1, 'elicitation/create', {
      mode: 'url',
      message: 'm',
      url: 'https://x.test/',
      elicitationId: 'e1',
      task: { ttl: 1 },
      _meta: { progressToken: 3, 'vendor/a': 1 },
    });
    const result = resultOf(await run(bench(), upstream, fakeClient({ capabilities: CAPABLE })));
    expect(result['inputRequests']).toEqual({
      'ask-1': {
        method: 'elicitation/create',
        params: { mode: 'url', message: 'm', url: 'https://x.test/', _meta: { 'vendor/a': 1 } },
      },
    });
  });

  it.each([
    ['tools/call', true],
    ['prompts/get', true],
    ['resources/read', true],
    ['completion/complete', false],
    ['vendor/x', false],
  ])('of %s reaches the client: %s', async (method, reaches) => {
    const { upstream, heard } = asking(1);
    const result = resultOf(
      await run(bench(), upstream, fakeClient({ capabilities: CAPABLE }), {
        method,
        params: { name: 'n', uri: 'a:b' },
      }),
    );
    expect(result['resultType']).toBe(reaches ? 'input_required' : 'complete');
    if (!reaches) expect(heard).toMatchObject([{ code: -32601 }]);
  });

  it('of a kind the client did not declare in this request is refused', async () => {
    const { upstream, heard } = asking(1, 'sampling/createMessage', {});
    const result = resultOf(
      await run(bench(), upstream, fakeClient({ capabilities: { elicitation: {} } })),
    );
    expect(result['resultType']).toBe('complete');
    expect(heard).toMatchObject([{ code: -32601 }]);
  });

  it('that policy refuses never reaches the client', async () => {
    const { upstream, heard } = asking(1);
    const reply = await run(bench(), upstream, fakeClient({ capabilities: CAPABLE }), {
      permitAsk: () => Promise.resolve(false),
    });
    expect(resultOf(reply)['resultType']).toBe('complete');
    expect(heard).toMatchObject([{ code: 1403 }]);
  });

  it('is refused after eight rounds', async () => {
    const { upstream, heard } = asking(10);
    const b = bench();
    const client = fakeClient({ capabilities: CAPABLE });
    let result = resultOf(await run(b, upstream, client));
    for (let round = 1; result['resultType'] === 'input_required'; round++) {
      result = resultOf(
        await run(b, upstream, client, retry(result, { [`ask-${round}`]: ACCEPT })),
      );
    }
    expect(
      heard.filter((answer) => JSON.stringify(answer) === JSON.stringify(ACCEPT)),
    ).toHaveLength(8);
    expect(upstream.requests).toHaveLength(1);
  });

  it('sends progress of the resumed call under the token of the retry', async () => {
    const upstream = legacy(async (request) => {
      const progress = (value: number) =>
        request.onNotification(
          'notifications/progress',
          raw({ progressToken: 'one', progress: value }),
        );
      progress(1);
      await request.onRequest('elicitation/create', raw(FORM), new AbortController().signal);
      progress(2);
      return ok({ content: [] });
    });
    const b = bench();
    const client = fakeClient({ capabilities: CAPABLE });
    const first = resultOf(
      await run(b, upstream, client, { params: { ...CALL, _meta: { progressToken: 'one' } } }),
    );
    const options = {
      params: {
        ...CALL,
        requestState: first['requestState'],
        inputResponses: { 'ask-1': ACCEPT },
        _meta: { progressToken: 'two' },
      },
    };
    const again = fakeClient({ capabilities: CAPABLE });
    await run(b, upstream, again, options);
    expect(client.notifications.map(({ params }) => params)).toEqual([
      '{"progressToken":"one","progress":1}',
    ]);
    expect(again.notifications.map(({ params }) => params)).toEqual([
      '{"progressToken":"two","progress":2}',
    ]);
  });

  it('that the server takes back is not asked again', async () => {
    const back = new AbortController();
    const upstream = legacy(async (request) => {
      await request.onRequest('elicitation/create', raw(FORM), back.signal);
      return ok({ content: [], went: 'on' });
    });
    const b = bench();
    const client = fakeClient({ capabilities: CAPABLE });
    const first = resultOf(await run(b, upstream, client));
    back.abort();
    await settle();
    expect(resultOf(await run(b, upstream, client, retry(first, {})))).toMatchObject({
      resultType: 'complete',
      went: 'on',
    });
  });
});

describe('-32042 of a legacy server', () => {
  const urls = {
    elicitations: [
      { mode: 'url', elicitationId: 'e', url: 'https://x.test/auth', message: 'Sign in' },
    ],
  };
  const upstreamOf = () =>
    legacy((_request, nth) => (nth === 0 ? fail(-32042, 'open', urls) : ok({ content: [] })));

  it('becomes URL questions, and the retry sends the call again', async () => {
    const upstream = upstreamOf();
    const b = bench();
    const client = fakeClient({ capabilities: CAPABLE });
    const first = resultOf(await run(b, upstream, client));
    expect(first).toMatchObject({
      resultType: 'input_required',
      inputRequests: {
        'url-1': {
          method: 'elicitation/create',
          params: { mode: 'url', url: 'https://x.test/auth', message: 'Sign in' },
        },
      },
    });
    const last = resultOf(
      await run(b, upstream, client, retry(first, { 'url-1': { action: 'accept' } })),
    );
    expect(last['resultType']).toBe('complete');
    expect(upstream.requests[1]?.params).toBe(raw(CALL));
    expect(
      errorOf(await run(b, upstream, client, retry(first, { 'url-1': { action: 'accept' } })))
        .message,
    ).toBe('invalid requestState');
    expect(upstream.requests).toHaveLength(2);
  });

  it('is not sent again when the user says no', async () => {
    const upstream = upstreamOf();
    const b = bench();
    const client = fakeClient({ capabilities: CAPABLE });
    const first = resultOf(await run(b, upstream, client));
    expect(
      resultOf(await run(b, upstream, client, retry(first, { 'url-1': { action: 'decline' } })))[
        'isError'
      ],
    ).toBe(true);
    expect(upstream.requests).toHaveLength(1);
  });

  it('is told as text or by -32021 where the client can’t open URLs', async () => {
    const client = fakeClient({ capabilities: { elicitation: {} } });
    expect(JSON.stringify(resultOf(await run(bench(), upstreamOf(), client)))).toContain(
      'https://x.test/auth',
    );
    const error = errorOf(
      await run(bench(), upstreamOf(), client, { method: 'prompts/get', params: { name: 'p' } }),
    );
    expect(error).toMatchObject({
      code: -32021,
      status: 400,
      data: { requiredCapabilities: { elicitation: { url: {} } } },
    });
  });

  it('with anything but a web address is a fault of the server', async () => {
    const upstream = legacy(() =>
      fail(-32042, 'open', { elicitations: [{ url: 'javascript:alert(1)' }] }),
    );
    expect(
      errorOf(await run(bench(), upstream, fakeClient({ capabilities: CAPABLE }))).data['code'],
    ).toBe('GW_UPSTREAM_PROTOCOL');
  });
});

describe('a tool that a legacy server runs only as a task', () => {
  const script: Script = (request) => {
    if (request.method === 'tasks/result') return ok({ content: [{ type: 'text', text: 'late' }] });
    return (request.params ?? '').includes('"task"')
      ? ok({ task: { taskId: 't1', status: 'working' } })
      : fail(-32601, 'task required');
  };

  it('is started as a task and its result awaited', async () => {
    const upstream = fakeUpstream({
      revision: LEGACY,
      script,
      capabilities: { tasks: { requests: { tools: { call: {} } } } },
    });
    const result = resultOf(await run(bench(), upstream, fakeClient()));
    expect(result).toMatchObject({ resultType: 'complete', content: [{ text: 'late' }] });
    expect(upstream.requests.map(({ method, params }) => [method, params])).toEqual([
      ['tools/call', raw(CALL)],
      ['tools/call', '{"name":"echo","arguments":{"text":"hi"},"task":{}}'],
      ['tasks/result', '{"taskId":"t1"}'],
    ]);
  });

  it('is left alone where the server declares no tasks', async () => {
    const upstream = legacy(script);
    expect(errorOf(await run(bench(), upstream, fakeClient())).code).toBe(-32601);
    expect(upstream.requests).toHaveLength(1);
  });
});

it('strips retry members of a first attempt', async () => {
  const upstream = legacy(() => ok({ content: [] }));
  await run(bench(), upstream, fakeClient(), {
    rawParams: '{"name":"a","inputResponses":{"x":{}}}',
  });
  expect(upstream.requests[0]?.params).toBe('{"name":"a"}' as RawJson);
});
