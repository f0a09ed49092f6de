import { expect, it } from 'vitest';
import { fakeClient, fakeUpstream, json, ok } from '../broker/fixtures/scripted.ts';
import { coreRig, turns } from './fixtures/core-rig.ts';

const REVISION = '2025-11-25';
const upstream = (server: string) =>
  fakeUpstream({
    server,
    revision: REVISION,
    capabilities: { tools: {}, logging: {} },
    script: () => ok({ tools: [] }),
  });
const levels = (server: ReturnType<typeof upstream>): unknown[] =>
  server.requests
    .filter(({ method }) => method === 'logging/setLevel')
    .map(({ params }) => json(params)['level']);

it('a log level is recorded, told to connected servers alone, and to others when they are connected', async () => {
  const [near, far] = [upstream('near'), upstream('far')];
  const rig = coreRig({ upstreams: [near, far] });
  const client = fakeClient({ revision: REVISION });
  await rig.request(client, 'tools/list', undefined, { kind: 'server', server: 'near' });
  await turns();
  const acquired = rig.acquired.length;
  const before = rig.records.length;

  expect(await rig.request(client, 'logging/setLevel', { level: 'error' })).toEqual({
    kind: 'result',
    result: '{}',
  });
  expect(rig.acquired).toHaveLength(acquired);
  expect([levels(near), levels(far)]).toEqual([['error'], []]);
  expect(rig.records.slice(before)).toMatchObject([
    {
      type: 'session',
      effect: 'log_level',
      method: 'logging/setLevel',
      session: 'ses_1',
      detail: { level: 'error' },
    },
  ]);

  await rig.request(client, 'tools/list', undefined, { kind: 'server', server: 'far' });
  await turns();
  expect(levels(far)).toEqual(['error']);
});

it('a level that is none is refused and neither recorded nor told', async () => {
  const server = upstream('near');
  const rig = coreRig({ upstreams: [server] });
  const client = fakeClient({ revision: REVISION });
  expect(await rig.request(client, 'logging/setLevel', { level: 'loud' })).toMatchObject({
    code: -32602,
  });
  expect([rig.records, levels(server), rig.acquired]).toEqual([[], [], []]);
});
