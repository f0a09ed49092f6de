import { describe, expect, it } from 'vitest';
import { fakeClient, fakeUpstream, ok } from '../broker/fixtures/scripted.ts';
import { coreRig, turns } from './fixtures/core-rig.ts';

describe('a caller who was revoked after admission', () => {
  it.each(['tools/list', 'server/discover', 'subscriptions/listen', 'tools/call'])(
    'gets nothing from %s, and the refusal is recorded',
    async (method) => {
      const files = fakeUpstream({ script: () => ok({ tools: [] }) });
      const rig = coreRig({ upstreams: [files] });
      rig.revokeAll();
      const reply = await rig.request(fakeClient(), method, { notifications: {}, name: 'x' });
      expect(JSON.stringify(reply)).toContain('revoked');
      expect(rig.records).toMatchObject([
        { type: 'decision', effect: 'deny', detail: { reasons: ['revoked'] } },
      ]);
      expect(rig.acquired).toEqual([]);
    },
  );
});

describe('the size of records', () => {
  const LONG = `file:///${'a'.repeat(200_000)}`;

  it('does not grow with a resource URI that a caller made up', async () => {
    const files = fakeUpstream({ capabilities: { resources: {} }, script: () => ok({}) });
    const rig = coreRig({ upstreams: [files] });
    await rig.request(fakeClient(), 'resources/read', { uri: LONG });
    await turns();
    expect(rig.records.length).toBeGreaterThan(0);
    for (const record of rig.records) expect(JSON.stringify(record).length).toBeLessThan(4_096);
    expect(rig.records[0]?.target).toMatch(/^file:.*200008 characters, sha256 [0-9a-f]{64}/);
  });

  it('is bounded for a subscription to many resources', async () => {
    const files = fakeUpstream({ capabilities: { resources: { subscribe: true } } });
    const rig = coreRig({ upstreams: [files] });
    const client = fakeClient();
    const uris = Array.from({ length: 1_000 }, (_, n) => `test://${n}/${'a'.repeat(1_000)}`);
    const listening = rig.request(client, 'subscriptions/listen', {
      notifications: { resourceSubscriptions: uris },
    });
    await turns();
    client.cancel();
    await listening;
    expect(JSON.stringify(rig.records[0]).length).toBeLessThan(100_000);
    expect(rig.records[0]?.detail).toMatchObject({ more: 936 });
  });
});
