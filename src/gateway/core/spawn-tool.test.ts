import { expect, it } from 'vitest';
import type { Principal } from '../../identity/index.ts';
import type { InboundRequest, RawJson } from '../model.ts';
import type { CallContext } from '../pipeline/call-context.ts';
import { createSpawnTool } from './spawn-tool.ts';

const request = (over: object = {}): InboundRequest =>
  ({
    method: 'tools/call',
    params: '{"name":"sallyport__spawn","arguments":{}}' as RawJson,
    downstream: {
      principal: { agent: { id: 'agt_1' } } as unknown as Principal,
      client: { era: 'modern' },
      endpoint: { kind: 'all' },
      ...over,
    },
  }) as unknown as InboundRequest;
const tool = (mayDelegate = true, enabled = true) =>
  createSpawnTool(
    {
      mayDelegate: () => mayDelegate,
      child: async () => ({ ok: false, problem: 'no' }),
    },
    () => enabled,
  );
const target = (made: ReturnType<typeof tool>, asked = request()) =>
  made.resolve({ request: asked } as CallContext);

it('is there on the merged endpoint for those who may delegate, and its result is never kept', () => {
  expect(target(tool())).toMatchObject({
    ok: true,
    target: { server: 'sallyport', name: 'spawn', secretResult: true },
  });
  expect(tool().listed(request())).toHaveLength(1);
});

it.each([
  ['those who may not delegate', tool(false), request()],
  ['a gateway with a server of that name', tool(true, false), request()],
  ['a server’s own endpoint', tool(), request({ endpoint: { kind: 'server', server: 'files' } })],
])('is not there for %s', (_name, made, asked) => {
  expect(target(made, asked)).toBeUndefined();
  expect(made.listed(asked)).toEqual([]);
});

it('never lets anything through to a server', async () => {
  const found = target(tool());
  if (found?.ok !== true) throw new Error('not found');
  await expect(found.target.connection.request({} as never)).rejects.toThrow('no server');
  expect(tool().isOwn(found.target.connection)).toBe(false);
});
