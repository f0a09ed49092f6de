import { beforeEach, describe, expect, it } from 'vitest';
import { createNullLogger } from '../../kernel/index.ts';
import {
  type FakeUpstream,
  fakeClient,
  fakeUpstream,
  json,
  raw,
  settle,
} from '../broker/fixtures/scripted.ts';
import { createSubscriptions } from '../broker/subscriptions.ts';
import type { RawJson, Session } from '../model.ts';
import { type PartsRig, partsRig } from './fixtures/parts-rig.ts';
import { createSessionPushes, MAX_SESSION_URIS, type SessionPushes } from './session-push.ts';

const upstream = (server: string, refuses: readonly string[] = []): FakeUpstream =>
  fakeUpstream({
    server,
    revision: '2025-11-25',
    capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} },
    listen: async (filter) => {
      const wanted = json(filter);
      const uris = (wanted['resourceSubscriptions'] ?? []) as string[];
      return raw({
        ...wanted,
        resourceSubscriptions: uris.filter((uri) => !refuses.includes(uri)),
      });
    },
  });

describe('what a legacy session hears', () => {
  let rig: PartsRig;
  let a: FakeUpstream;
  let b: FakeUpstream;
  let session: Session;
  let pushes: SessionPushes;
  let heard: string[];
  const push = (method: string, params: RawJson | undefined): void =>
    void heard.push(`${method.slice('notifications/'.length)} ${json(params)['uri'] ?? ''}`.trim());
  const updated = (from: FakeUpstream, uri: string): void =>
    from.emit('notifications/resources/updated', raw({ uri }));
  const wanted = (of: FakeUpstream): unknown[] =>
    of.listens
      .filter(({ closed }) => !closed)
      .map(({ filter }) => json(filter)['resourceSubscriptions'] ?? []);

  beforeEach(() => {
    a = upstream('a', ['x:/refused']);
    b = upstream('b');
    rig = partsRig([a, b]);
    const own = fakeClient({ revision: '2025-11-25' }).downstream.session;
    if (own === undefined) throw new Error('no session');
    session = own;
    heard = [];
    pushes = createSessionPushes({
      subscriptions: createSubscriptions({ clock: rig.clock, logger: createNullLogger() }),
      policy: rig.policy,
      logger: createNullLogger(),
      mayListen: () => true,
    });
  });

  it('is each message once, on one stream, however many it has', async () => {
    const second: string[] = [];
    pushes.connected(session, a.connection);
    const detach = pushes.attach(session, push);
    pushes.attach(session, (method) => void second.push(method));
    await settle();
    a.emit('notifications/tools/list_changed');
    expect([heard.length, second.length]).toEqual([1, 0]);
    detach();
    rig.clock.advance(1_000);
    a.emit('notifications/tools/list_changed');
    expect([heard.length, second.length]).toEqual([1, 1]);
  });

  it('begins with its stream, whichever comes first, and ends with it', async () => {
    pushes.connected(session, a.connection);
    await settle();
    expect(a.listens).toEqual([]);
    const detach = pushes.attach(session, push);
    await settle();
    pushes.connected(session, b.connection);
    await settle();
    expect([wanted(a), wanted(b)]).toEqual([[[]], [[]]]);
    detach();
    await settle();
    expect([wanted(a), wanted(b)]).toEqual([[], []]);
    a.emit('notifications/tools/list_changed');
    expect(heard).toEqual([]);
  });

  it('is of the resources it subscribed to, from their own server', async () => {
    pushes.attach(session, push);
    expect(await pushes.subscribe(session, a.connection, 'x:/one')).toBe(true);
    expect(await pushes.subscribe(session, b.connection, 'x:/two')).toBe(true);
    expect([wanted(a), wanted(b)]).toEqual([[['x:/one']], [['x:/two']]]);
    updated(a, 'x:/one');
    updated(a, 'x:/two');
    updated(b, 'x:/one');
    updated(a, 'x:/other');
    expect(heard).toEqual(['resources/updated x:/one']);
    await pushes.unsubscribe(session, 'x:/one');
    rig.clock.advance(1_000);
    updated(a, 'x:/one');
    updated(b, 'x:/two');
    expect(heard).toEqual(['resources/updated x:/one', 'resources/updated x:/two']);
    expect(wanted(a)).toEqual([[]]);
  });

  it('does not begin where the server does not honour it', async () => {
    pushes.attach(session, push);
    expect(await pushes.subscribe(session, a.connection, 'x:/refused')).toBe(false);
    for (const odd of [',', '"', '["x:/one"]', ''])
      expect(await pushes.subscribe(session, a.connection, odd)).toBe(true);
    updated(a, 'x:/refused');
    expect(heard).toEqual([]);
  });

  it('is not a resource that policy closed in the meantime', async () => {
    pushes.attach(session, push);
    await pushes.subscribe(session, a.connection, 'x:/one');
    rig.rules.mayUse = () => false;
    updated(a, 'x:/one');
    expect(heard).toEqual([]);
    rig.rules.mayUse = () => true;
    updated(a, 'x:/one');
    expect(heard).toEqual(['resources/updated x:/one']);
  });

  it('is not missed while the subscription is opened anew', async () => {
    const gate = Promise.withResolvers<void>();
    let slow = false;
    const slowly = fakeUpstream({
      server: 'slow',
      listen: async (filter) => {
        if (slow) await gate.promise;
        return filter;
      },
    });
    pushes.attach(session, push);
    await pushes.subscribe(session, slowly.connection, 'x:/one');
    slow = true;
    const second = pushes.subscribe(session, slowly.connection, 'x:/two');
    await settle();
    updated(slowly, 'x:/one');
    expect(heard).toEqual(['resources/updated x:/one']);
    gate.resolve();
    expect(await second).toBe(true);
    expect(wanted(slowly)).toEqual([['x:/one', 'x:/two']]);
  });

  it(`is of ${MAX_SESSION_URIS} resources at most`, async () => {
    for (let i = 0; i < MAX_SESSION_URIS; i++)
      expect(await pushes.subscribe(session, a.connection, `x:/${i}`)).toBe(true);
    expect(await pushes.subscribe(session, a.connection, 'x:/one-more')).toBe(false);
    expect(await pushes.subscribe(session, a.connection, 'x:/0')).toBe(true);
  });

  it('is announced by the gateway when policy changes', async () => {
    pushes.connected(session, a.connection);
    pushes.attach(session, push);
    await settle();
    pushes.announceAll(['tools', 'prompts']);
    expect(heard).toEqual(['tools/list_changed', 'prompts/list_changed']);
  });

  it('is log messages from the level that it set', async () => {
    pushes.connected(session, a.connection);
    pushes.attach(session, push);
    await settle();
    session.logLevel = 'warning';
    for (const level of ['debug', 'info', 'warning', 'error', 'nonsense'])
      a.emit('notifications/message', raw({ level, data: level }));
    expect(heard).toEqual(['message', 'message']);
  });

  it('goes on with the others when a server is gone', async () => {
    pushes.attach(session, push);
    await pushes.subscribe(session, a.connection, 'x:/one');
    await pushes.subscribe(session, b.connection, 'x:/two');
    a.lose('crashed');
    updated(b, 'x:/two');
    expect(heard).toEqual(['resources/updated x:/two']);
  });

  it('ends with the session, for requests that were under way as well', async () => {
    pushes.attach(session, push);
    const late = pushes.subscribe(session, a.connection, 'x:/one');
    pushes.end(session);
    await late;
    pushes.connected(session, b.connection);
    pushes.attach(session, push);
    await pushes.subscribe(session, b.connection, 'x:/two');
    await settle();
    expect([wanted(a), wanted(b)]).toEqual([[], []]);
    updated(a, 'x:/one');
    pushes.announceAll(['tools']);
    expect(heard).toEqual([]);
  });
});
