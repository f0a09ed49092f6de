import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FakeUpstream, json, principal, resultOf } from '../broker/fixtures/scripted.ts';
import type { ItemKind } from '../model.ts';
import {
  at,
  listingUpstream,
  type PartsRig,
  partsRig,
  type RequestOptions,
} from './fixtures/parts-rig.ts';
import { createLists, type ListAnswer, type ListDecision, listKind, PAGE_ITEMS } from './lists.ts';

function start(...upstreams: FakeUpstream[]): {
  rig: PartsRig;
  decisions: ListDecision[];
  list(method: string, params?: unknown, options?: RequestOptions): Promise<ListAnswer>;
} {
  const rig = partsRig(upstreams, { b: { two: 'second' } });
  const lists = createLists({
    ...rig,
    settled: () => Promise.resolve(),
    now: () => rig.clock.now(),
  });
  const decisions: ListDecision[] = [];
  return {
    rig,
    decisions,
    list: (method, params, options) =>
      lists(
        listKind(method) as ItemKind,
        rig.request(method, params, options).request,
        async (decision) => {
          if (rig.rules.auditFails) throw new Error('disk is gone');
          decisions.push(decision);
        },
      ),
  };
}
const names = (answer: ListAnswer, member = 'tools'): unknown[] =>
  (resultOf(answer.reply)[member] as Array<Record<string, unknown>>).map(
    ({ name, uri }) => uri ?? name,
  );
const A = () => listingUpstream('a', { tools: [{ name: 'one' }, { name: 'two' }] });
const B = () => listingUpstream('b', { tools: [{ name: 'two' }] });

describe('a merged list', () => {
  it('has every server’s entries in a stable order, under names that can not collide', async () => {
    const { list } = start(A(), B());
    const answer = await list('tools/list');
    expect(names(answer)).toEqual(['a__one', 'a__two', 'second']);
    expect(answer).toMatchObject({ shown: 3, hidden: 0, down: [] });
    expect(names(await list('tools/list', undefined, { endpoint: at('b') }))).toEqual(['two']);
  });

  it('leaves out what the agent may never use, and counts it', async () => {
    const { rig, list } = start(A(), B());
    rig.rules.mayUse = (_agent, server, kind, name) =>
      kind !== 'tool' || `${server}.${name}` !== 'a.two';
    expect(await list('tools/list')).toMatchObject({ shown: 2, hidden: 1 });
  });

  it('leaves out servers whose lists are forbidden, and asks policy for each', async () => {
    const { rig, decisions, list } = start(A(), B());
    rig.rules.effect = ({ server }) => (server === 'a' ? 'deny' : 'allow');
    expect(names(await list('tools/list'))).toEqual(['second']);
    expect(decisions).toEqual([{ permitted: ['b'], denied: ['a'] }]);
    expect(rig.asked.map(({ kind, server }) => `${kind} ${server}`)).toEqual(['list a', 'list b']);
  });

  it('goes on without a server that is down or can not be read; on its own endpoint that is a fault', async () => {
    const broken = listingUpstream('c', {});
    broken.connection.request = () => Promise.reject(new Error('lost'));
    const { rig, list } = start(A(), B(), broken);
    rig.down.add('a');
    const answer = await list('tools/list');
    expect(names(answer)).toEqual(['second']);
    expect(answer.down).toEqual(['a', 'c']);
    await expect(list('tools/list', undefined, { endpoint: at('a') })).rejects.toThrow('down');
    await expect(list('tools/list', undefined, { endpoint: at('c') })).rejects.toThrow('lost');
  });

  it('drops a tool whose header declarations are invalid', async () => {
    const properties = { a: { type: 'object', 'x-mcp-header': 'A' } };
    const bad = { name: 'bad', inputSchema: { type: 'object', properties } };
    const { list } = start(listingUpstream('a', { tools: [bad, { name: 'good' }] }));
    expect(names(await list('tools/list'))).toEqual(['a__good']);
  });

  it('is private for modern clients', async () => {
    const { reply } = await start(A()).list('tools/list');
    expect(reply.kind === 'result' && json(reply.result)).toMatchObject({
      cacheScope: 'private',
      resultType: 'complete',
    });
  });
});

describe('a cursor', () => {
  const resources = Array.from({ length: 2 * PAGE_ITEMS + 1 }, (_, index) => ({
    uri: `x:${index}`,
    name: 'r',
  }));
  const big = () => start(listingUpstream('a', { resources }), B());
  const next = (answer: ListAnswer): string => String(resultOf(answer.reply)['nextCursor']);
  const invalid = (answer: ListAnswer): void =>
    expect(answer).toEqual({
      reply: { kind: 'error', status: 200, code: -32602, message: 'Invalid cursor' },
      shown: 0,
      hidden: 0,
      down: [],
    });

  it('leads through all pages, each entry once', async () => {
    const { list } = big();
    const seen: unknown[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < 3; page++) {
      const answer = await list('resources/list', cursor === undefined ? {} : { cursor });
      seen.push(...names(answer, 'resources'));
      cursor = resultOf(answer.reply)['nextCursor'] as string | undefined;
    }
    expect(cursor).toBeUndefined();
    expect(seen).toEqual(resources.map(({ uri }) => uri));
  });

  it('is nobody else’s, of no other list and of no other endpoint', async () => {
    const { list } = big();
    const cursor = next(await list('resources/list'));
    for (const other of [principal('agt_bob'), principal('agt_alice', 'usr_other')])
      invalid(await list('resources/list', { cursor }, { principal: other }));
    invalid(await list('resources/templates/list', { cursor }));
    invalid(await list('resources/list', { cursor }, { endpoint: at('a') }));
    expect((await list('resources/list', { cursor })).shown).toBe(PAGE_ITEMS);
  });

  it('with one character changed, cut or added is invalid, and an hour old as well', async () => {
    const { rig, list } = big();
    const cursor = next(await list('resources/list'));
    await fc.assert(
      fc.asyncProperty(fc.nat(cursor.length - 1), fc.base64String(), async (position, salt) => {
        const char = cursor[position] === 'A' ? 'B' : 'A';
        const [head, tail] = [cursor.slice(0, position), cursor.slice(position + 1)];
        for (const forged of [head + char + tail, head, `${cursor}${salt}x`])
          invalid(await list('resources/list', { cursor: forged }));
      }),
      { numRuns: 40 },
    );
    for (const odd of ['', 1, {}, [cursor], true])
      invalid(await list('resources/list', { cursor: odd }));
    rig.clock.advance(60 * 60_000);
    invalid(await list('resources/list', { cursor }));
  });

  it('does not show what policy hid in between', async () => {
    const { rig, list } = big();
    const cursor = next(await list('resources/list'));
    rig.rules.mayUse = () => false;
    expect(await list('resources/list', { cursor })).toMatchObject({ shown: 0 });
  });
});
