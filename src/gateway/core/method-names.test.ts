import { describe, expect, it } from 'vitest';
import { fakeClient, fakeUpstream, raw } from '../broker/fixtures/scripted.ts';
import { coreRig } from './fixtures/core-rig.ts';

/** Names that every JavaScript object answers to. */
const ODD = ['constructor', 'toString', '__proto__', 'hasOwnProperty'];

describe('a method named like a member of every object', () => {
  it.each(ODD)('%s of a client is decided as any unknown method', async (method) => {
    const upstream = fakeUpstream();
    const rig = coreRig({ upstreams: [upstream] });
    await rig.request(fakeClient(), method, {}, { kind: 'server', server: 'files' });
    expect(rig.decided.map(({ kind }) => kind)).toEqual(['other']);
  });

  it.each(ODD)('%s of a server never reaches the client', async (method) => {
    const asked: string[] = [];
    const upstream = fakeUpstream({
      revision: '2025-11-25',
      script: async (request) => ({
        kind: 'result',
        result: raw(await request.onRequest(method, raw({}), request.signal)),
      }),
    });
    const client = fakeClient({
      revision: '2025-11-25',
      ask: async (name) => {
        asked.push(name);
        return { result: raw({}) };
      },
    });
    const rig = coreRig({ upstreams: [upstream] });
    const own = { kind: 'server', server: 'files' } as const;
    const reply = await rig.request(client, 'vendor/call', {}, own);
    expect(reply).toMatchObject({ kind: 'result' });
    expect(asked).toEqual([]);
    expect(rig.decided.map(({ kind }) => kind)).toEqual(['other']);
  });
});
