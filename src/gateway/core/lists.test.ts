import { describe, expect, it } from 'vitest';
import {
  fakeClient,
  fakeUpstream,
  ok,
  resultOf,
  type Script,
} from '../broker/fixtures/scripted.ts';
import { type CoreRig, coreRig, turns } from './fixtures/core-rig.ts';

const TOOLS: Script = () => ok({ tools: [{ name: 'echo', inputSchema: { type: 'object' } }] });

describe('a list', () => {
  it('reaches a server only after its decision is on stable storage', async () => {
    let rig: CoreRig | undefined;
    const files = fakeUpstream({
      script: (request, nth) => {
        rig?.order.push(`sent ${request.method}`);
        return TOOLS(request, nth);
      },
    });
    rig = coreRig({ upstreams: [files] });
    await rig.request(fakeClient(), 'tools/list');
    await turns();
    expect(rig.order).toEqual([
      'recorded decision allow tools/list',
      'acquired files',
      'sent tools/list',
      'recorded outcome ok tools/list',
    ]);
  });

  it('neither connects to nor asks a server that policy does not let the caller list', async () => {
    const files = fakeUpstream({ script: TOOLS });
    const payroll = fakeUpstream({ server: 'payroll', script: TOOLS });
    const rig = coreRig({
      upstreams: [files, payroll],
      decide: ({ server }) => (server === 'payroll' ? 'deny' : 'allow'),
    });
    const listed = resultOf(await rig.request(fakeClient(), 'tools/list'));
    expect(listed['tools']).toHaveLength(1);
    expect(rig.acquired.map(({ server }) => server)).toEqual(['files']);
    expect(rig.records[0]).toMatchObject({ effect: 'allow', detail: { denied: ['payroll'] } });
  });

  it('of a refused server is empty on its own endpoint, and recorded as a deny', async () => {
    const rig = coreRig({ upstreams: [fakeUpstream({ script: TOOLS })], decide: () => 'deny' });
    const own = { kind: 'server', server: 'files' } as const;
    const listed = resultOf(await rig.request(fakeClient(), 'tools/list', undefined, own));
    expect(listed['tools']).toEqual([]);
    expect(rig.acquired).toEqual([]);
    expect(rig.records[0]).toMatchObject({ type: 'decision', effect: 'deny', server: 'files' });
  });

  it('with a forged cursor is recorded and reaches nobody', async () => {
    const rig = coreRig({ upstreams: [fakeUpstream({ script: TOOLS })] });
    const reply = await rig.request(fakeClient(), 'tools/list', { cursor: 'k1.forged' });
    expect(reply).toMatchObject({ kind: 'error', code: -32602 });
    expect(rig.acquired).toEqual([]);
    expect(rig.records[0]).toMatchObject({ type: 'decision', effect: 'deny' });
  });
});
