import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RawJson, Revision } from '../model.ts';
import {
  bench,
  call,
  errorOf,
  fail,
  fakeClient,
  fakeUpstream,
  json,
  okRaw,
  raw,
  resultOf,
  run,
  settle,
} from './fixtures/scripted.ts';

const LEGACY: Revision = '2025-11-25';
const PAIRS = [
  ['legacy', LEGACY],
  ['modern', '2026-07-28'],
] as const;

/** JSON text with the things that a parse and print would lose. */
const exactText: fc.Arbitrary<string> = fc
  .tuple(
    fc.json({ maxDepth: 4 }),
    fc.constantFrom(
      '9007199254740993',
      '1.0',
      '1e2',
      '-0',
      '"\\u0041"',
      '""',
      '[ ]',
      '{ }',
      '"\\/"',
    ),
    fc.constantFrom('', ' ', '\n\t'),
  )
  .map(
    ([value, odd, blank]) =>
      `{"x":${value},${blank}"odd":${odd}${blank},"_meta":{"vendor/k":${odd}}}`,
  );

describe.each(PAIRS)('%s on %s', (_era, revision) => {
  it('passes params, results and unknown members byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(exactText, exactText, async (params, result) => {
        const upstream = fakeUpstream({ revision, script: () => okRaw(result) });
        const client = fakeClient({ revision });
        const reply = await run(bench(), upstream, client, {
          rawParams: params,
          method: 'vendor/unknown',
        });
        expect(upstream.requests[0]?.params).toBe(params);
        expect(reply).toEqual({ kind: 'result', result });
      }),
      { numRuns: 60 },
    );
  });

  it('passes tool calls byte for byte, whatever the arguments hold', async () => {
    await fc.assert(
      fc.asyncProperty(exactText, exactText, async (args, result) => {
        const params = `{"name":"t","arguments":${args}}`;
        const upstream = fakeUpstream({ revision, script: () => okRaw(result) });
        const reply = await run(bench(), upstream, fakeClient({ revision }), { rawParams: params });
        expect(upstream.requests[0]?.params).toBe(params);
        expect(reply).toEqual({ kind: 'result', result });
      }),
      { numRuns: 60 },
    );
  });

  it('passes an error with its code, words and exact data', async () => {
    const upstream = fakeUpstream({
      revision,
      script: () => ({
        kind: 'error',
        error: '{"code":1234,"message":"no \\u0041","data":{"n":9007199254740993}}' as RawJson,
      }),
    });
    const reply = await run(bench(), upstream, fakeClient({ revision }));
    expect(reply).toMatchObject({
      kind: 'error',
      code: 1234,
      message: 'no A',
      data: '{"n":9007199254740993}',
    });
  });

  it('writes the trace parent into _meta and leaves the rest alone', async () => {
    const upstream = fakeUpstream({ revision, script: () => okRaw('{}') });
    await run(bench(), upstream, fakeClient({ revision }), {
      rawParams: '{"name":"t","_meta":{"vendor/a": 1.0,"traceparent":"old"}}',
      traceparent: '00-aa-bb-01',
    });
    expect(upstream.requests[0]?.params).toBe(
      '{"name":"t","_meta":{"vendor/a": 1.0,"traceparent":"00-aa-bb-01"}}',
    );
  });

  it('forwards progress on the request’s own stream', async () => {
    const upstream = fakeUpstream({
      revision,
      script: (request) => {
        request.onNotification('notifications/progress', raw({ progressToken: 1, progress: 1 }));
        return okRaw('{}');
      },
    });
    const client = fakeClient({ revision });
    await run(bench(), upstream, client);
    expect(client.notifications).toEqual([
      { method: 'notifications/progress', params: '{"progressToken":1,"progress":1}' },
    ]);
  });
});

describe('log messages', () => {
  const logging = (revision: Revision) =>
    fakeUpstream({
      revision,
      script: (request) => {
        for (const level of ['debug', 'warning', 'error', 'nonsense']) {
          request.onNotification('notifications/message', raw({ level, data: 'x' }));
        }
        return okRaw('{}');
      },
    });
  const levels = (client: ReturnType<typeof fakeClient>) =>
    client.notifications.map(({ params }) => json(params)['level']);

  it('do not reach a modern client that asked for none', async () => {
    const client = fakeClient();
    await run(bench(), logging('2026-07-28'), client);
    expect(levels(client)).toEqual([]);
  });

  it('reach a modern client from the level it asked for', async () => {
    const client = fakeClient({ logLevel: 'warning' });
    await run(bench(), logging('2026-07-28'), client);
    expect(levels(client)).toEqual(['warning', 'error']);
  });

  it('reach a legacy client by its session level, and all of them before it set one', async () => {
    const set = fakeClient({ revision: LEGACY, sessionLevel: 'error' });
    await run(bench(), logging(LEGACY), set);
    expect(levels(set)).toEqual(['error']);
    const unset = fakeClient({ revision: LEGACY });
    await run(bench(), logging(LEGACY), unset);
    expect(levels(unset)).toHaveLength(4);
  });
});

describe('questions of a legacy server to a legacy client', () => {
  const asking = (method: string, params: unknown = {}) => {
    const answers: unknown[] = [];
    const upstream = fakeUpstream({
      revision: LEGACY,
      script: async (request) => {
        answers.push(await request.onRequest(method, raw(params), new AbortController().signal));
        return okRaw('{"content":[]}');
      },
    });
    return { upstream, answers };
  };

  it('reach a client that declared them, and the answer’s bytes reach the server', async () => {
    const { upstream, answers } = asking('elicitation/create', { message: 'Name?' });
    const seen: unknown[] = [];
    const client = fakeClient({
      revision: LEGACY,
      capabilities: { elicitation: {} },
      ask: async (method, params) => {
        seen.push([method, params]);
        return { result: '{"action":"accept","content":{"n":1.0}}' as RawJson };
      },
    });
    await run(bench(), upstream, client);
    expect(seen).toEqual([['elicitation/create', '{"message":"Name?"}']]);
    expect(answers).toEqual([{ result: '{"action":"accept","content":{"n":1.0}}' }]);
  });

  it.each([
    ['sampling/createMessage', {}, {}, -32601],
    ['sampling/createMessage', { tools: [] }, { sampling: {} }, -32602],
    ['elicitation/create', {}, { sampling: {} }, -32601],
    ['elicitation/create', { mode: 'url', url: 'https://x.test' }, { elicitation: {} }, -32602],
    ['elicitation/create', { mode: 'form' }, { elicitation: { url: {} } }, -32602],
    ['roots/list', {}, {}, -32601],
  ])('%s %j to a client with %j is refused with %d', async (method, params, capabilities, code) => {
    const { upstream, answers } = asking(method, params);
    let asked = 0;
    const client = fakeClient({
      revision: LEGACY,
      capabilities,
      ask: async () => {
        asked++;
        return { result: '{}' as RawJson };
      },
    });
    await run(bench(), upstream, client);
    expect(asked).toBe(0);
    expect(json((answers[0] as { error: RawJson }).error)['code']).toBe(code);
  });

  it('never reach the client when policy refuses them', async () => {
    const { upstream, answers } = asking('roots/list');
    let asked = 0;
    const client = fakeClient({
      revision: LEGACY,
      capabilities: { roots: {} },
      ask: async () => {
        asked++;
        return { result: '{}' as RawJson };
      },
    });
    await run(bench(), upstream, client, { permitAsk: () => Promise.resolve(false) });
    expect(asked).toBe(0);
    expect(json((answers[0] as { error: RawJson }).error)['code']).toBe(1403);
  });

  it('end after ten minutes without an answer', async () => {
    const { upstream, answers } = asking('roots/list');
    const client = fakeClient({
      revision: LEGACY,
      capabilities: { roots: {} },
      ask: (_method, _params, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new Error('late'))),
        ),
    });
    const b = bench();
    const reply = run(b, upstream, client);
    await settle();
    b.clock.advance(600_000);
    await reply;
    expect(json((answers[0] as { error: RawJson }).error)['code']).toBe(-32603);
    expect(b.clock.pending()).toBe(0);
  });

  it('are answered with an error where the client has no way to be asked', async () => {
    const { upstream, answers } = asking('roots/list');
    await run(bench(), upstream, fakeClient({ revision: LEGACY, capabilities: { roots: {} } }));
    expect(json((answers[0] as { error: RawJson }).error)['code']).toBe(-32601);
  });
});

describe('a legacy client older than its legacy server', () => {
  it('gets the content its revision knows', async () => {
    const upstream = fakeUpstream({
      revision: LEGACY,
      script: () =>
        okRaw(
          '{"content":[{"type":"resource_link","uri":"file:///a","name":"a"}],"structuredContent":{"a":1}}',
        ),
    });
    const reply = await run(bench(), upstream, fakeClient({ revision: '2025-03-26' }));
    expect(resultOf(reply)).toEqual({ content: [{ type: 'text', text: 'a: file:///a' }] });
  });
});

describe('faults of a connection', () => {
  it('are JSON-RPC errors with the public code, the server and the call, and nothing of the cause', async () => {
    const upstream = fakeUpstream({
      script: () => {
        throw new Error('connect ECONNREFUSED with password hunter2');
      },
    });
    const error = errorOf(await run(bench(), upstream, fakeClient()));
    expect(error).toEqual({
      status: 200,
      code: -32603,
      message: 'internal fault',
      data: { code: 'INTERNAL', server: 'files', call: 'cal_1' },
    });
  });

  it('leave an unknown method of a server its 404', async () => {
    const upstream = fakeUpstream({ script: () => fail(-32601, 'Method not found') });
    expect(errorOf(await run(bench(), upstream, fakeClient(), { method: 'x/y' })).status).toBe(404);
  });
});

it('does not touch a shared cache hint of a modern server except to make it private', async () => {
  const upstream = fakeUpstream({
    script: () =>
      okRaw('{"resultType":"complete","contents":[],"ttlMs":5,"cacheScope":"public","n":1.0}'),
  });
  const { request, target } = call(fakeClient(), {
    method: 'resources/read',
    params: { uri: 'a:b' },
  });
  const reply = await bench().broker.exchange(upstream.connection, request, target);
  expect(reply).toEqual({
    kind: 'result',
    result: '{"resultType":"complete","contents":[],"ttlMs":5,"cacheScope":"private","n":1.0}',
  });
});
