import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../kernel/index.ts';
import {
  type FakeUpstream,
  fail,
  fakeClient,
  fakeUpstream,
  json,
  ok,
  okRaw,
  type Script,
} from '../broker/fixtures/scripted.ts';
import type { ItemKind, UpstreamAnswer } from '../model.ts';
import { createCatalogue, LIST_TTL_MS, type Listing } from './catalogue.ts';
import { MAX_LIST_ITEMS, MAX_LIST_PAGES } from './fetch-list.ts';

const { client } = fakeClient().downstream;

function start(script: Script, capabilities: unknown = { tools: {}, resources: {} }) {
  const clock = createFakeClock();
  const listings: Array<[string, ItemKind, Listing]> = [];
  const upstream = fakeUpstream({ server: 's', script, capabilities });
  const catalogue = createCatalogue({
    clock,
    aliases: () => ({ renamed: 'alias' }),
    onListing: (server, kind, listing) => void listings.push([server, kind, listing]),
  });
  return {
    clock,
    listings,
    upstream,
    read: (kind: ItemKind = 'tools', maxAgeMs?: number) =>
      catalogue.read(upstream.connection, kind, client, maxAgeMs === undefined ? {} : { maxAgeMs }),
    peek: () => catalogue.peek(upstream.connection, 'tools', client),
  };
}
const tools = (...names: unknown[]): UpstreamAnswer =>
  ok({ tools: names.map((name) => ({ name })) });
const namesOf = ({ items }: Listing): string[] => items.map(({ name }) => name);
const cursors = ({ requests }: FakeUpstream): unknown[] =>
  requests.map(({ params }) => json(params)['cursor']);

describe('reading a list', () => {
  it('follows cursors, the empty one too, to the end', async () => {
    const pages = [
      okRaw('{"tools":[{"name":"a"}],"nextCursor":""}'),
      okRaw('{"tools":[{"name":"b"}],"nextCursor":"\\u0032"}'),
      okRaw('{"tools":[{"name":"c"}],"nextCursor":null}'),
    ];
    const { read, upstream } = start((_request, nth) => pages[nth] ?? tools());
    expect(namesOf(await read())).toEqual(['a', 'b', 'c']);
    expect(cursors(upstream)).toEqual([undefined, '', '2']);
  });

  it('ends after so many pages and so many entries', async () => {
    const endless = start((_request, nth) =>
      okRaw(`{"tools":[{"name":"t${nth}"}],"nextCursor":"x"}`),
    );
    expect((await endless.read()).items).toHaveLength(MAX_LIST_PAGES);
    expect(endless.upstream.requests).toHaveLength(MAX_LIST_PAGES);
    const huge = start(() =>
      tools(...Array.from({ length: MAX_LIST_ITEMS + 5 }, (_, i) => `t${i}`)),
    );
    expect((await huge.read()).items).toHaveLength(MAX_LIST_ITEMS);
  });

  it('leaves out what has no usable name, and keeps the first of equal names', async () => {
    const { read } = start(() =>
      okRaw(
        `{"tools":[{"name":"a","n":1},{"name":"a","n":2},{"name":"\\u0061","n":3},{"name":""},{"name":1},{},[],"x",null,{"name":"${'x'.repeat(3000)}"},{"name":"b"}]}`,
      ),
    );
    const listing = await read();
    expect(namesOf(listing)).toEqual(['a', 'b']);
    expect(listing.byName.get('a')?.raw).toBe('{"name":"a","n":1}');
  });

  it('survives a list that is none', async () => {
    for (const odd of [
      '{}',
      '{"tools":{}}',
      '{"tools":"x"}',
      '{"tools":null}',
      '{"tools":[],"nextCursor":5}',
    ])
      expect((await start(() => okRaw(odd)).read()).items).toEqual([]);
  });

  it('asks nothing of a server without the capability', async () => {
    const { read, upstream } = start(() => tools('a'), { prompts: {} });
    expect((await read()).items).toEqual([]);
    expect(upstream.requests).toEqual([]);
  });

  it('takes an unknown method for an empty list, any other error for a fault', async () => {
    expect((await start(() => fail(-32601, 'no')).read()).items).toEqual([]);
    await expect(start(() => fail(-32000, 'secret words')).read()).rejects.toMatchObject({
      code: 'GW_UPSTREAM_PROTOCOL',
    });
    const late = start((_request, nth) =>
      nth === 0 ? okRaw('{"tools":[{"name":"a"}],"nextCursor":"x"}') : fail(-32601, 'no'),
    );
    await expect(late.read()).rejects.toMatchObject({ code: 'GW_UPSTREAM_PROTOCOL' });
  });

  it('gives tools the name of the merged endpoint, and resources their own', async () => {
    const { read } = start(({ method }) =>
      method === 'tools/list' ? tools('plain', 'renamed') : ok({ resources: [{ uri: 'x:/a' }] }),
    );
    expect((await read()).items.map(({ exposedName }) => exposedName)).toEqual([
      's__plain',
      'alias',
    ]);
    expect((await read('resources')).items[0]?.exposedName).toBe('x:/a');
  });

  it('refuses what the server asks meanwhile', async () => {
    let answer: unknown;
    const { read } = start(async ({ onRequest, signal }) => {
      answer = await onRequest('sampling/createMessage', undefined, signal);
      return tools('a');
    });
    await read();
    expect(answer).toMatchObject({ error: expect.stringContaining('-32601') });
  });
});

describe('keeping a list', () => {
  it('readers at the same time share one request, also when it fails', async () => {
    let fails = true;
    const { read, upstream } = start(() => (fails ? fail(-1, 'x') : tools('a')));
    const failed = await Promise.allSettled([read(), read()]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(upstream.requests).toHaveLength(1);
    fails = false;
    const [one, two] = await Promise.all([read(), read()]);
    expect(one).toBe(two);
    expect(upstream.requests).toHaveLength(2);
  });

  it('is read again when it is too old, and looked at whatever its age', async () => {
    const { clock, read, peek, upstream } = start(() => tools('a'));
    expect(peek()).toBeUndefined();
    await read();
    clock.advance(LIST_TTL_MS);
    await read();
    expect(upstream.requests).toHaveLength(1);
    clock.advance(1);
    expect(peek()?.items).toHaveLength(1);
    await read();
    expect(upstream.requests).toHaveLength(2);
    await read('tools', -1);
    expect(upstream.requests).toHaveLength(3);
  });

  it('is forgotten when the server says that it changed, and no other list with it', async () => {
    const { read, peek, upstream } = start(({ method }) =>
      method === 'tools/list' ? tools('a') : ok({ resources: [] }),
    );
    await read();
    await read('resources');
    upstream.emit('notifications/resources/list_changed');
    expect(peek()).toBeDefined();
    upstream.emit('notifications/tools/list_changed');
    expect(peek()).toBeUndefined();
  });

  it.each([
    'constructor',
    'toString',
    '__proto__',
    'hasOwnProperty',
    'notifications/__proto__/list_changed',
  ])('is kept when the server announces %s', async (method) => {
    const { read, peek, upstream } = start(() => tools('a'));
    await read();
    expect(() => upstream.emit(method)).not.toThrow();
    expect(peek()?.items).toHaveLength(1);
  });

  it('is not kept when it changed while it was being read', async () => {
    const answers = [
      Promise.withResolvers<UpstreamAnswer>(),
      Promise.withResolvers<UpstreamAnswer>(),
    ];
    const { read, peek, upstream, listings } = start(
      (_request, nth) => answers[nth]?.promise ?? tools(),
    );
    const first = read();
    upstream.emit('notifications/tools/list_changed');
    answers[0]?.resolve(tools('old'));
    expect(namesOf(await first)).toEqual(['old']);
    expect(peek()).toBeUndefined();
    const second = read();
    answers[1]?.resolve(tools('new'));
    expect(namesOf(await second)).toEqual(['new']);
    expect(peek()).toBeDefined();
    expect(listings.map(([, , listing]) => namesOf(listing))).toEqual([['old'], ['new']]);
  });
});
