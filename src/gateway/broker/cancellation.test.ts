import { describe, expect, it } from 'vitest';
import type { Revision } from '../model.ts';
import {
  bench,
  ELICIT,
  errorOf,
  fakeClient,
  fakeUpstream,
  ok,
  raw,
  run,
  settle,
  untilCancelled,
} from './fixtures/scripted.ts';

const PAIRS: ReadonlyArray<readonly [Revision, Revision]> = [
  ['2025-11-25', '2025-11-25'],
  ['2025-11-25', '2026-07-28'],
  ['2026-07-28', '2025-11-25'],
  ['2026-07-28', '2026-07-28'],
];

describe.each(PAIRS)('a %s client on a %s upstream', (from, to) => {
  it.each(['tools/call', 'completion/complete'])(
    'stops the upstream when it cancels %s',
    async (method) => {
      const upstream = fakeUpstream({ revision: to, script: untilCancelled });
      const client = fakeClient({ revision: from });
      const b = bench();
      const reply = run(b, upstream, client, { method });
      await settle();
      client.cancel();
      expect(upstream.requests[0]?.signal.aborted).toBe(true);
      expect((await reply).kind).toBe('error');
      expect(b.clock.pending()).toBe(0);
    },
  );

  it('sends nothing when it cancelled before', async () => {
    const upstream = fakeUpstream({ revision: to });
    const client = fakeClient({ revision: from });
    client.cancel();
    expect(errorOf(await run(bench(), upstream, client)).data['code']).toBe('GW_CANCELLED');
    expect(upstream.requests).toEqual([]);
  });
});

it('a legacy client that cancels while it is asked ends the loop', async () => {
  const upstream = fakeUpstream({
    script: () => ok({ resultType: 'input_required', inputRequests: { q: ELICIT } }),
  });
  const client = fakeClient({
    revision: '2025-11-25',
    capabilities: { elicitation: {} },
    ask: (_m, _p, signal) =>
      new Promise((_r, reject) => signal.addEventListener('abort', () => reject(new Error('x')))),
  });
  const b = bench();
  const reply = run(b, upstream, client);
  await settle();
  client.cancel();
  expect(errorOf(await reply).data['code']).toBe('GW_CANCELLED');
  expect(upstream.requests).toHaveLength(1);
  expect(b.clock.pending()).toBe(0);
});

it('a legacy client that cancels during the pause ends the loop', async () => {
  const upstream = fakeUpstream({
    script: () => ok({ resultType: 'input_required', requestState: 's' }),
  });
  const client = fakeClient({ revision: '2025-11-25' });
  const b = bench();
  const reply = run(b, upstream, client);
  await settle();
  client.cancel();
  expect(errorOf(await reply).data['code']).toBe('GW_CANCELLED');
  expect(upstream.requests).toHaveLength(1);
  expect(b.clock.pending()).toBe(0);
});

it('a modern client that cancels a resumed call stops the upstream', async () => {
  const upstream = fakeUpstream({
    revision: '2025-11-25',
    script: async (request, nth) => {
      await request.onRequest('roots/list', undefined, new AbortController().signal);
      return untilCancelled(request, nth);
    },
  });
  const b = bench();
  const first = await run(b, upstream, fakeClient({ capabilities: { roots: {} } }));
  if (first.kind !== 'result') throw new Error('no result');
  const client = fakeClient({ capabilities: { roots: {} } });
  const resumed = run(b, upstream, client, {
    params: {
      name: 'echo',
      arguments: { text: 'hi' },
      inputResponses: { 'ask-1': { roots: [] } },
      requestState: JSON.parse(first.result).requestState,
    },
  });
  await settle();
  expect(upstream.requests[0]?.signal.aborted).toBe(false);
  client.cancel();
  expect(upstream.requests[0]?.signal.aborted).toBe(true);
  expect((await resumed).kind).toBe('error');
});

it('cancelling a call that runs as a legacy task cancels the task', async () => {
  const upstream = fakeUpstream({
    revision: '2025-11-25',
    capabilities: { tasks: { requests: { tools: { call: {} } } } },
    script: (request, nth) => {
      if (request.method === 'tasks/result') return untilCancelled(request, nth);
      if (request.method === 'tasks/cancel') return ok({});
      return (request.params ?? '').includes('"task"')
        ? ok({ task: { taskId: 't1' } })
        : { kind: 'error', error: raw({ code: -32601, message: 'task required' }) };
    },
  });
  const client = fakeClient();
  const reply = run(bench(), upstream, client);
  await settle();
  client.cancel();
  await reply;
  expect(upstream.requests.map((request) => request.method)).toEqual([
    'tools/call',
    'tools/call',
    'tasks/result',
    'tasks/cancel',
  ]);
});
