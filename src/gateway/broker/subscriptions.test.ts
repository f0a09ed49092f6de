import { describe, expect, it } from 'vitest';
import { createFakeClock, createNullLogger } from '../../kernel/index.ts';
import type { RawJson, Revision } from '../model.ts';
import {
  type FakeUpstream,
  fakeClient,
  fakeUpstream,
  json,
  raw,
  settle,
} from './fixtures/scripted.ts';
import { concerns } from './subscription-filter.ts';
import { createSubscriptions, listenResult, type SubscriptionRequest } from './subscriptions.ts';

const ID = '"listen-1"' as RawJson;
const KEY = 'io.modelcontextprotocol/subscriptionId';

function bench(
  upstreams: readonly FakeUpstream[],
  over: Partial<SubscriptionRequest> & { revision?: Revision; filter?: RawJson } = {},
) {
  const clock = createFakeClock();
  const messages: Array<{ method: string; params: Record<string, unknown> }> = [];
  const abort = new AbortController();
  const { revision = '2026-07-28', ...rest } = over;
  const request: SubscriptionRequest = {
    connections: upstreams.map(({ connection }) => connection),
    filter: raw({ toolsListChanged: true, resourceSubscriptions: ['a:1', 'b:1'] }),
    client: fakeClient({ revision }).downstream.client,
    subscriptionId: revision === '2026-07-28' ? ID : undefined,
    ownerOf: (uri) => uri.slice(0, 1),
    onMessage: (method, params) => void messages.push({ method, params: json(params) }),
    signal: abort.signal,
    ...rest,
  };
  const opening = createSubscriptions({ clock, logger: createNullLogger() }).open(request);
  return { clock, messages, abort, opening };
}

const a = (over: Parameters<typeof fakeUpstream>[0] = {}) => fakeUpstream({ server: 'a', ...over });
const b = (over: Parameters<typeof fakeUpstream>[0] = {}) =>
  fakeUpstream({ server: 'b', revision: '2025-11-25', ...over });
const updated = (uri: string) => raw({ uri });

describe('a subscription of a modern client', () => {
  it('asks each server for the lists and for its own URIs, and acknowledges once, first', async () => {
    const [one, two] = [a(), b()];
    const { messages, opening } = bench([one, two]);
    one.emit('notifications/tools/list_changed');
    const open = await opening;
    expect(one.listens.map(({ filter }) => json(filter))).toEqual([
      { toolsListChanged: true, resourceSubscriptions: ['a:1'] },
    ]);
    expect(two.listens.map(({ filter }) => json(filter))).toEqual([
      { toolsListChanged: true, resourceSubscriptions: ['b:1'] },
    ]);
    expect(json(open.acknowledged)).toEqual({
      toolsListChanged: true,
      resourceSubscriptions: ['a:1', 'b:1'],
    });
    expect(messages).toEqual([
      {
        method: 'notifications/subscriptions/acknowledged',
        params: { notifications: json(open.acknowledged), _meta: { [KEY]: 'listen-1' } },
      },
      { method: 'notifications/tools/list_changed', params: { _meta: { [KEY]: 'listen-1' } } },
    ]);
  });

  it('keeps a numeric id a number', async () => {
    const { messages, opening } = bench([a()], { subscriptionId: '7' as RawJson });
    await opening;
    expect(messages[0]?.params['_meta']).toEqual({ [KEY]: 7 });
  });

  it('acknowledges after five seconds what answered, and drops the rest', async () => {
    const late = Promise.withResolvers<RawJson>();
    const [one, two] = [a(), b({ listen: () => late.promise })];
    const { clock, messages, opening } = bench([one, two]);
    await settle();
    clock.advance(4_999);
    await settle();
    expect(messages).toEqual([]);
    clock.advance(1);
    const open = await opening;
    expect(json(open.acknowledged)).toEqual({
      toolsListChanged: true,
      resourceSubscriptions: ['a:1'],
    });
    expect(open.missing).toEqual(['b']);
    late.resolve(raw({ resourceSubscriptions: ['b:1'] }));
    await settle();
    expect(two.listens[0]?.closed).toBe(true);
    two.emit('notifications/resources/updated', updated('b:1'));
    expect(messages).toHaveLength(1);
  });

  it('goes on without a server that refuses', async () => {
    const [one, two] = [a(), b({ listen: () => Promise.reject(new Error('no')) })];
    const open = await bench([one, two]).opening;
    expect(open.missing).toEqual(['b']);
    expect(json(open.acknowledged)['resourceSubscriptions']).toEqual(['a:1']);
  });

  it('honours no more than a server was asked for, and no URI without an owner', async () => {
    const one = a({ listen: async () => raw({ resourceSubscriptions: ['a:1', 'a:secret'] }) });
    const open = await bench([one], { ownerOf: (uri) => (uri === 'a:1' ? 'a' : undefined) })
      .opening;
    expect(json(open.acknowledged)).toEqual({
      toolsListChanged: true,
      resourceSubscriptions: ['a:1'],
    });
  });

  it('hears only what it asked for, from the server whose it is', async () => {
    const [one, two] = [a(), b()];
    const { messages, opening } = bench([one, two]);
    await opening;
    one.emit('notifications/prompts/list_changed');
    one.emit('notifications/resources/updated', updated('a:2'));
    one.emit('notifications/resources/updated', updated('b:1'));
    one.emit('notifications/message', raw({ level: 'error', data: 'x' }));
    one.emit('notifications/progress', raw({ progressToken: 1, progress: 1 }));
    two.emit('notifications/elicitation/complete', raw({ elicitationId: 'e' }));
    expect(messages).toHaveLength(1);
    two.emit('notifications/resources/updated', updated('b:1'));
    expect(messages[1]).toEqual({
      method: 'notifications/resources/updated',
      params: { uri: 'b:1', _meta: { [KEY]: 'listen-1' } },
    });
  });

  it('merges a flood into one message per window', async () => {
    const one = a();
    const { clock, messages, opening } = bench([one]);
    await opening;
    for (let i = 0; i < 1_000; i++) one.emit('notifications/tools/list_changed');
    expect(messages).toHaveLength(2);
    clock.advance(100);
    expect(messages).toHaveLength(3);
    clock.advance(10_000);
    expect(messages).toHaveLength(3);
    expect(clock.pending()).toBe(0);
  });

  it('says nothing when the caller’s view did not change, and speaks when that can’t be known', async () => {
    const one = a();
    const answers: Array<boolean | Promise<boolean>> = [
      false,
      Promise.resolve(false),
      Promise.reject(new Error('?')),
    ];
    const { messages, opening } = bench([one], { viewChanged: () => answers.shift() ?? true });
    await opening;
    one.emit('notifications/tools/list_changed');
    one.emit('notifications/tools/list_changed');
    await settle();
    expect(messages).toHaveLength(1);
    one.emit('notifications/tools/list_changed');
    await settle();
    expect(messages).toHaveLength(2);
  });

  it('announces changes of our own making for the lists it listens to', async () => {
    const { messages, opening } = bench([a()]);
    const open = await opening;
    open.announce('tools');
    open.announce('prompts');
    expect(messages.map(({ method }) => method)).toEqual([
      'notifications/subscriptions/acknowledged',
      'notifications/tools/list_changed',
    ]);
  });

  it('ends with a cancellation of the listen request, then silence', async () => {
    const one = a();
    const { clock, messages, opening } = bench([one]);
    const open = await opening;
    open.end('revoked');
    expect(messages[1]).toEqual({
      method: 'notifications/cancelled',
      params: { requestId: 'listen-1', reason: 'revoked', _meta: { [KEY]: 'listen-1' } },
    });
    one.emit('notifications/tools/list_changed');
    open.announce('tools');
    open.end('again');
    expect(messages).toHaveLength(2);
    expect(one.listens[0]?.closed).toBe(true);
    expect(clock.pending()).toBe(0);
    expect(listenResult(ID)).toBe(`{"resultType":"complete","_meta":{"${KEY}":"listen-1"}}`);
  });

  it('closes its listeners when the client goes', async () => {
    const one = a();
    const { abort, opening } = bench([one]);
    await opening;
    abort.abort();
    expect(one.listens[0]?.closed).toBe(true);
    expect(one.listens[0]?.signal.aborted).toBe(true);
  });

  it('that is cancelled while it opens leaves nothing open', async () => {
    const late = Promise.withResolvers<RawJson>();
    const one = a({ listen: () => late.promise });
    const { abort, clock, messages, opening } = bench([one]);
    await settle();
    abort.abort();
    await expect(opening).rejects.toBeDefined();
    late.resolve(raw({}));
    await settle();
    expect(one.listens[0]?.closed).toBe(true);
    expect(messages).toEqual([]);
    expect(clock.pending()).toBe(0);
  });

  it('hears of its tasks by our ids', async () => {
    const one = a();
    const tasks = {
      toServer: (_s: string, id: string) => (id === 'ours' ? 'up-1' : undefined),
      toClient: (_s: string, id: string) => (id === 'up-1' ? 'ours' : `other-${id}`),
    };
    const { messages, opening } = bench([one, b()], {
      filter: raw({ taskIds: ['ours', 'stolen'] }),
      tasks,
    });
    expect(json((await opening).acknowledged)).toEqual({ taskIds: ['ours'] });
    expect(json(one.listens[0]?.filter)).toEqual({ taskIds: ['up-1'] });
    one.emit('notifications/tasks', raw({ taskId: 'up-2', status: 'working' }));
    one.emit('notifications/tasks', raw({ taskId: 'up-1', status: 'completed' }));
    expect(messages.slice(1)).toEqual([
      {
        method: 'notifications/tasks',
        params: { taskId: 'ours', status: 'completed', _meta: { [KEY]: 'listen-1' } },
      },
    ]);
  });

  it('tells which server was lost', async () => {
    const one = a();
    const lost: string[] = [];
    await bench([one], { onLost: (server, reason) => void lost.push(`${server}: ${reason}`) })
      .opening;
    one.lose('crashed');
    expect(lost).toEqual(['a: crashed']);
  });
});

describe('a subscription of a legacy session', () => {
  it('has no acknowledgement and no subscription id, over either era', async () => {
    const [one, two] = [a(), b()];
    const { messages, opening } = bench([one, two], {
      revision: '2025-11-25',
      wantsLog: (params) => json(params)['level'] === 'error',
    });
    const open = await opening;
    expect(json(open.acknowledged)).toEqual({
      toolsListChanged: true,
      resourceSubscriptions: ['a:1', 'b:1'],
    });
    one.emit('notifications/resources/updated', updated('a:1'));
    two.emit('notifications/message', raw({ level: 'debug', data: 1 }));
    two.emit('notifications/message', raw({ level: 'error', data: 2 }));
    two.emit('notifications/elicitation/complete', raw({ elicitationId: 'e' }));
    open.end('closed');
    expect(messages).toEqual([
      { method: 'notifications/resources/updated', params: { uri: 'a:1' } },
      { method: 'notifications/message', params: { level: 'error', data: 2 } },
      { method: 'notifications/elicitation/complete', params: { elicitationId: 'e' } },
    ]);
  });
});

it('a changed part concerns who subscribed to the whole', () => {
  const uris = new Set(['file:///a', 'file:///b/']);
  for (const uri of ['file:///a', 'file:///a/x/y', 'file:///b/x'])
    expect(concerns(uris, uri)).toBe(true);
  for (const uri of ['file:///ab', 'file:///c', 'file:///'])
    expect(concerns(uris, uri)).toBe(false);
});
