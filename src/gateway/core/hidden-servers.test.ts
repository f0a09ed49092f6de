import { describe, expect, it } from 'vitest';
import { fakeClient, fakeUpstream, ok } from '../broker/fixtures/scripted.ts';
import { coreRig } from './fixtures/core-rig.ts';

const payroll = () =>
  fakeUpstream({
    server: 'payroll',
    instructions: 'Salaries are in table pay_2026.',
    script: () =>
      ok({
        tools: [
          {
            name: 'pay',
            inputSchema: {
              type: 'object',
              properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
            },
          },
        ],
      }),
  });

describe('a caller who may not know of a tool', () => {
  it('gets the answer of an unknown one, whatever parameter headers it lacks', async () => {
    const rig = coreRig({ upstreams: [payroll()], decide: () => 'deny', mayUse: () => false });
    const ask = (name: string) =>
      rig.request(fakeClient(), 'tools/call', { name, arguments: { region: 'eu' } });
    const hidden = JSON.stringify(await ask('payroll__pay'));
    expect(hidden.replace('payroll__pay', 'payroll__nil')).toBe(
      JSON.stringify(await ask('payroll__nil')),
    );
  });

  it('is told of a missing header once it may know', async () => {
    const rig = coreRig({ upstreams: [payroll()], decide: () => 'deny' });
    const reply = await rig.request(fakeClient(), 'tools/call', {
      name: 'payroll__pay',
      arguments: { region: 'eu' },
    });
    expect(reply).toMatchObject({ kind: 'error', code: -32020 });
  });
});

describe('what a server says of itself', () => {
  const said = async (decide: 'allow' | 'deny') => {
    const rig = coreRig({ upstreams: [payroll()], decide: () => decide });
    const { principal } = fakeClient().downstream;
    const { client } = fakeClient({ revision: '2025-11-25' }).downstream;
    const signal = new AbortController().signal;
    const own = { kind: 'server', server: 'payroll' } as const;
    const replies = [
      await rig.core.initialize({ principal, client, endpoint: { kind: 'all' }, signal }),
      await rig.core.initialize({ principal, client, endpoint: own, signal }),
      await rig.request(fakeClient(), 'server/discover'),
    ];
    return replies.map((reply) => JSON.stringify(reply));
  };

  it('reaches a caller who may list something of it', async () => {
    for (const reply of await said('allow')) expect(reply).toContain('pay_2026');
  });

  it('stays hidden from a caller whom policy shows none of its lists', async () => {
    for (const reply of await said('deny')) {
      expect(reply).not.toContain('pay_2026');
      expect(reply).not.toContain('payroll');
      expect(reply).toContain('"kind":"result"');
    }
  });
});
