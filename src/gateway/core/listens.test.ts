import { describe, expect, it } from 'vitest';
import { createNullLogger } from '../../kernel/index.ts';
import { errorOf, type FakeUpstream, json, raw, resultOf } from '../broker/fixtures/scripted.ts';
import { createSubscriptions } from '../broker/subscriptions.ts';
import type { Reply } from '../model.ts';
import { turns } from './fixtures/core-rig.ts';
import { listingUpstream, type PartsRig, partsRig } from './fixtures/parts-rig.ts';
import { createListens, type Listens } from './listens.ts';

const ID = 'io.modelcontextprotocol/subscriptionId';
const ALL = { toolsListChanged: true, resourceSubscriptions: ['a:/1', 'b:/1', 'none:/1'] };

function start(): {
  rig: PartsRig;
  a: FakeUpstream;
  b: FakeUpstream;
  listens: Listens;
  open(notifications?: unknown): { done: Promise<Reply>; heard: string[]; cancel(): void };
} {
  const a = listingUpstream('a', { resources: [{ uri: 'a:/1' }] });
  const b = listingUpstream('b', { resources: [{ uri: 'b:/1' }] });
  const rig = partsRig([a, b]);
  const listens = createListens({
    ...rig,
    subscriptions: createSubscriptions({ clock: rig.clock, logger: createNullLogger() }),
    self: { serverInfo: raw({ name: 'sallyport' }) },
  });
  return {
    rig,
    a,
    b,
    listens,
    open(notifications = ALL) {
      const { request, context, client } = rig.request('subscriptions/listen', { notifications });
      const heard: string[] = [];
      const downstream = {
        ...request.downstream,
        notify: (method: string, params: string | undefined) => {
          const { _meta, ...own } = JSON.parse(params ?? '{}');
          expect(_meta[ID]).toBe('req-1');
          heard.push(`${method.slice('notifications/'.length)} ${JSON.stringify(own)}`);
        },
      };
      const done = listens.listen({ ...request, downstream }, context);
      return { done, heard, cancel: client.cancel };
    },
  };
}
const update = (from: FakeUpstream, uri: string): void =>
  from.emit('notifications/resources/updated', raw({ uri }));

describe('subscriptions/listen', () => {
  it('acknowledges what the agent may have, records it, and splits it among the servers', async () => {
    const { rig, a, b, open } = start();
    const { heard } = open();
    await turns();
    expect(heard).toEqual([
      'subscriptions/acknowledged {"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:/1","b:/1"]}}',
    ]);
    expect(a.listens.map(({ filter }) => json(filter)['resourceSubscriptions'])).toEqual([
      ['a:/1'],
    ]);
    expect(b.listens.map(({ filter }) => json(filter)['resourceSubscriptions'])).toEqual([
      ['b:/1'],
    ]);
    expect(rig.records).toMatchObject([
      { type: 'decision', effect: 'allow', detail: { refused: 1, resources: ['a:/1', 'b:/1'] } },
    ]);
    update(b, 'b:/1');
    update(b, 'a:/1');
    expect(heard.slice(1)).toEqual(['resources/updated {"uri":"b:/1"}']);
  });

  it('leaves out servers that policy does not let the agent listen to', async () => {
    const { rig, a, b, open } = start();
    rig.rules.effect = ({ kind, server }) =>
      kind === 'listen' && server === 'a' ? 'deny' : 'allow';
    const { heard } = open();
    await turns();
    expect(heard[0]).toContain('"resourceSubscriptions":["b:/1"]');
    expect([a.listens.length, b.listens.length]).toEqual([0, 1]);
    a.emit('notifications/tools/list_changed');
    expect(heard).toHaveLength(1);
    expect(rig.records[0]?.detail).toMatchObject({ denied: ['a'] });
  });

  it.each(['deny', 'hold'] as const)(
    'is refused and recorded when every server says %s',
    async (effect) => {
      const { rig, a, open } = start();
      rig.rules.effect = () => effect;
      expect(errorOf(await open().done).data).toMatchObject({ effect });
      expect(rig.records).toMatchObject([{ effect, detail: { denied: ['a', 'b'] } }]);
      expect(a.listens).toEqual([]);
    },
  );

  it('leaves out resources the agent may not read, now and later, and what lies inside others', async () => {
    const { rig, a, open } = start();
    rig.rules.mayUse = (_agent, _server, _kind, uri) => uri !== 'b:/1' && uri !== 'a:/1/secret';
    const { heard } = open();
    await turns();
    expect(heard[0]).toContain('"resourceSubscriptions":["a:/1"]');
    update(a, 'a:/1/secret');
    update(a, 'a:/1/open');
    rig.rules.mayUse = () => false;
    update(a, 'a:/1');
    expect(heard.slice(1)).toEqual(['resources/updated {"uri":"a:/1/open"}']);
  });

  it('opens nothing when the record fails', async () => {
    const { rig, a, open } = start();
    rig.rules.auditFails = true;
    await expect(open().done).rejects.toThrow();
    expect(a.listens).toEqual([]);
  });

  it('needs a filter', async () => {
    for (const odd of [null, [], 'x', 1])
      expect(errorOf(await start().open(odd).done).code).toBe(-32602);
  });

  it('ends with its request, and hears nothing more', async () => {
    const { a, open } = start();
    const { done, heard, cancel } = open();
    await turns();
    cancel();
    expect(resultOf(await done)).toMatchObject({
      resultType: 'complete',
      _meta: { [ID]: 'req-1' },
    });
    a.emit('notifications/tools/list_changed');
    expect(heard).toHaveLength(1);
    expect(a.listens.map(({ closed }) => closed)).toEqual([true]);
  });

  it('that is cancelled while it opens does not stay open', async () => {
    const { open } = start();
    const { done, cancel } = open();
    cancel();
    expect(
      await done.then(
        () => 'ended',
        () => 'ended',
      ),
    ).toBe('ended');
  });

  it('of a revoked agent is told so and ends; another’s goes on', async () => {
    const { listens, open } = start();
    const { done, heard } = open();
    await turns();
    listens.endAgent('agt_other', 'revoked');
    listens.announceAll(['tools']);
    expect(heard.at(-1)).toBe('tools/list_changed {}');
    listens.endAgent('agt_alice', 'revoked');
    await done;
    expect(heard.at(-1)).toBe('cancelled {"requestId":"req-1","reason":"revoked"}');
    listens.announceAll(['tools']);
    expect(heard.at(-1)).toContain('cancelled');
  });

  it('ends when the gateway does', async () => {
    const { listens, open } = start();
    const { done } = open();
    await turns();
    listens.close();
    expect((await done).kind).toBe('result');
  });
});
