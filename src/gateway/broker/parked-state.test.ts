import { describe, expect, it } from 'vitest';
import type { Revision } from '../model.ts';
import {
  ACCEPT,
  bench,
  type CallOptions,
  errorOf,
  fakeClient,
  fakeUpstream,
  json,
  ok,
  principal,
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

describe('the state of a parked call', () => {
  const parked = async () => {
    const { upstream, heard } = asking(1);
    const b = bench();
    const client = fakeClient({ capabilities: CAPABLE });
    const first = resultOf(await run(b, upstream, client));
    return { b, upstream, heard, client, first };
  };

  it.each<
    [string, (first: Record<string, unknown>) => [ReturnType<typeof fakeClient>, CallOptions]]
  >([
    [
      'another agent',
      (first) => [
        fakeClient({ capabilities: CAPABLE, principal: principal('agt_bob') }),
        retry(first, { 'ask-1': ACCEPT }),
      ],
    ],
    [
      'another user',
      (first) => [
        fakeClient({ capabilities: CAPABLE, principal: principal('agt_alice', 'usr_eve') }),
        retry(first, { 'ask-1': ACCEPT }),
      ],
    ],
    [
      'other arguments',
      (first) => [
        fakeClient({ capabilities: CAPABLE }),
        retry(first, { 'ask-1': ACCEPT }, { digest: 'digest-2' }),
      ],
    ],
    [
      'another tool',
      (first) => [
        fakeClient({ capabilities: CAPABLE }),
        { params: { ...(retry(first, {}).params as object), name: 'rm' } },
      ],
    ],
    [
      'another method',
      (first) => [
        fakeClient({ capabilities: CAPABLE }),
        retry(first, { 'ask-1': ACCEPT }, { method: 'prompts/get' }),
      ],
    ],
    [
      'a state that is no string',
      () => [fakeClient({ capabilities: CAPABLE }), { params: { ...CALL, requestState: 5 } }],
    ],
  ])('does not work for %s, and stays usable for its owner', async (_who, attempt) => {
    const { b, upstream, heard, client, first } = await parked();
    const [other, options] = attempt(first);
    expect(errorOf(await run(b, upstream, other, options))).toMatchObject({
      code: -32602,
      message: 'invalid requestState',
    });
    expect(heard).toEqual([]);
    expect(upstream.requests).toHaveLength(1);
    // The baseline: the same attempt by the owner goes through.
    expect(
      resultOf(await run(b, upstream, client, retry(first, { 'ask-1': ACCEPT })))['resultType'],
    ).toBe('complete');
  });

  it('works once', async () => {
    const { b, upstream, client, first } = await parked();
    await run(b, upstream, client, retry(first, { 'ask-1': ACCEPT }));
    const replay = errorOf(await run(b, upstream, client, retry(first, { 'ask-1': ACCEPT })));
    expect(replay).toMatchObject({ code: -32602, data: { code: 'GW_PARKED_CALL_LOST' } });
    expect(upstream.requests).toHaveLength(1);
  });

  it('works once even when two retries race', async () => {
    const { b, upstream, client, first, heard } = await parked();
    const replies = await Promise.all(
      [1, 2].map(() => run(b, upstream, client, retry(first, { 'ask-1': ACCEPT }))),
    );
    expect(replies.map((reply) => reply.kind).sort()).toEqual(['error', 'result']);
    expect(heard).toHaveLength(1);
  });

  it('is no use to another instance, which never runs the call', async () => {
    const { b, upstream, client, first } = await parked();
    const other = bench({ instance: 'gw-2', clock: b.clock });
    expect(
      errorOf(await run(other, upstream, client, retry(first, { 'ask-1': ACCEPT }))).data['code'],
    ).toBe('GW_PARKED_CALL_LOST');
    expect(upstream.requests).toHaveLength(1);
  });

  it('expires, and then the upstream call is cancelled and the question answered', async () => {
    const { b, upstream, client, first, heard } = await parked();
    b.clock.advance(600_000);
    await settle();
    expect(upstream.requests[0]?.signal.aborted).toBe(true);
    expect(heard).toMatchObject([{ code: -32603 }]);
    expect(errorOf(await run(b, upstream, client, retry(first, { 'ask-1': ACCEPT }))).code).toBe(
      -32602,
    );
    expect(upstream.requests).toHaveLength(1);
    expect(b.broker.parkedCalls()).toBe(0);
    expect(b.clock.pending()).toBe(0);
  });

  it('ends with the agent', async () => {
    const { b, upstream } = await parked();
    b.broker.dropAgent('agt_bob');
    expect(b.broker.parkedCalls()).toBe(1);
    b.broker.dropAgent('agt_alice');
    expect(b.broker.parkedCalls()).toBe(0);
    expect(upstream.requests[0]?.signal.aborted).toBe(true);
  });

  it('outlives the end of the stream on which it was given', async () => {
    const { b, upstream, client, first } = await parked();
    client.cancel();
    expect(upstream.requests[0]?.signal.aborted).toBe(false);
    expect(
      resultOf(
        await run(
          b,
          upstream,
          fakeClient({ capabilities: CAPABLE }),
          retry(first, { 'ask-1': ACCEPT }),
        ),
      )['resultType'],
    ).toBe('complete');
  });
});

describe('parked calls', () => {
  it('are bounded per owner and in all; beyond that the server is told no and the call goes on', async () => {
    const b = bench({ limits: { maxParked: 3, maxParkedPerOwner: 2 } });
    const kinds: unknown[] = [];
    for (const agent of ['agt_a', 'agt_a', 'agt_a', 'agt_b', 'agt_b']) {
      const { upstream } = asking(1);
      const client = fakeClient({ capabilities: CAPABLE, principal: principal(agent) });
      kinds.push(resultOf(await run(b, upstream, client))['resultType']);
    }
    expect(kinds).toEqual([
      'input_required',
      'input_required',
      'complete',
      'input_required',
      'complete',
    ]);
    expect(b.broker.parkedCalls()).toBe(3);
    b.clock.advance(600_000);
    expect(b.broker.parkedCalls()).toBe(0);
    expect(b.clock.pending()).toBe(0);
  });

  it('keep no large result that arrives while nobody waits', async () => {
    const finish = Promise.withResolvers<void>();
    const upstream = legacy(async (request) => {
      request.onRequest('elicitation/create', raw(FORM), new AbortController().signal);
      await finish.promise;
      return ok({ content: [], big: 'x'.repeat(200) });
    });
    const b = bench({ limits: { maxParkedResult: 100 } });
    const client = fakeClient({ capabilities: CAPABLE });
    const first = resultOf(await run(b, upstream, client));
    finish.resolve();
    await settle();
    expect(errorOf(await run(b, upstream, client, retry(first, {}))).data['code']).toBe(
      'GW_UPSTREAM_PROTOCOL',
    );
  });

  it('deliver a result that arrived while nobody waited', async () => {
    const finish = Promise.withResolvers<void>();
    let told: unknown;
    const upstream = legacy(async (request) => {
      request
        .onRequest('elicitation/create', raw(FORM), new AbortController().signal)
        .then((answer) => {
          told = answer;
        });
      await finish.promise;
      return ok({ content: [], own: 'decision' });
    });
    const b = bench();
    const client = fakeClient({ capabilities: CAPABLE });
    const first = resultOf(await run(b, upstream, client));
    finish.resolve();
    await settle();
    // Whoever asked is not left waiting for ever.
    expect(told).toMatchObject({ error: expect.any(String) });
    expect(
      resultOf(await run(b, upstream, client, retry(first, { 'ask-1': ACCEPT }))),
    ).toMatchObject({ own: 'decision' });
  });
});
