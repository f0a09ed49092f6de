import { describe, expect, it } from 'vitest';
import { type FakeClient, fakeClient, fakeUpstream, raw } from '../broker/fixtures/scripted.ts';
import type { RawJson, Session } from '../model.ts';
import { coreRig, turns } from './fixtures/core-rig.ts';

const legacy = (): FakeClient => fakeClient({ revision: '2025-11-25' });
const server = () =>
  fakeUpstream({ revision: '2025-11-25', capabilities: { tools: { listChanged: true } } });
function sessionOf({ downstream }: FakeClient): Session {
  if (downstream.session === undefined) throw new Error('no session');
  return downstream.session;
}

describe('the stream of a legacy session', () => {
  it('hears a server after the decision to listen was recorded', async () => {
    const files = server();
    const rig = coreRig({ upstreams: [files] });
    const heard: string[] = [];
    rig.core.attach(sessionOf(legacy()), (method) => heard.push(method));
    expect(rig.acquired).toEqual([]);
    await turns();
    expect(rig.order.slice(0, 2)).toEqual([
      'recorded decision allow subscriptions/listen',
      'acquired files',
    ]);
    files.emit('notifications/message', raw({ level: 'error', data: 'x' }));
    expect(heard).toEqual(['notifications/message']);
  });

  it('neither reaches nor hears a server that policy does not let the caller listen to', async () => {
    const files = server();
    const rig = coreRig({ upstreams: [files], decide: () => 'deny' });
    const heard: unknown[] = [];
    rig.core.attach(sessionOf(legacy()), (method) => heard.push(method));
    await turns();
    files.emit('notifications/message', raw({ level: 'error', data: 'inner secrets' }));
    await turns();
    expect(heard).toEqual([]);
    expect(rig.acquired).toEqual([]);
    expect(files.listens).toEqual([]);
    expect(rig.records).toMatchObject([{ effect: 'deny', detail: { denied: ['files'] } }]);
  });

  it('that was closed before the record stood listens to nobody', async () => {
    const files = server();
    const rig = coreRig({ upstreams: [files] });
    rig.core.attach(sessionOf(legacy()), () => undefined)();
    await turns();
    expect(rig.acquired).toEqual([]);
  });
});

describe('notifications/roots/list_changed of a client', () => {
  const told = (decide: 'allow' | 'deny') => {
    const files = server();
    const sent: Array<readonly [string, RawJson | undefined]> = [];
    files.connection.notify = (method, params) => void sent.push([method, params]);
    const rig = coreRig({ upstreams: [files], decide: () => decide });
    const params = raw({ exfiltrated: 'whatever an agent likes' });
    rig.core.notification(sessionOf(legacy()), 'notifications/roots/list_changed', params);
    return { sent, rig };
  };

  it('carries nothing that was not decided on', () => {
    expect(told('allow').sent).toEqual([['notifications/roots/list_changed', undefined]]);
  });

  it('reaches no server that may not ask for the roots', () => {
    const { sent, rig } = told('deny');
    expect(sent).toEqual([]);
    expect(rig.acquired).toEqual([]);
  });
});
