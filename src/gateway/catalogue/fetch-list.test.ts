import { describe, expect, it } from 'vitest';
import { fakeClient, fakeUpstream, ok, type Script } from '../broker/fixtures/scripted.ts';
import { fetchList, MAX_ITEM_LENGTH, MAX_LIST_LENGTH, MAX_LIST_PAGES } from './fetch-list.ts';

const read = async (script: Script) => {
  const upstream = fakeUpstream({ script });
  const { client } = fakeClient().downstream;
  const { signal } = new AbortController();
  const items = await fetchList(upstream.connection, 'tools', client, undefined, signal);
  return { items, requests: upstream.requests.length };
};

describe('a list of a server', () => {
  it('is read to its end, page by page', async () => {
    const { items } = await read((_request, nth) =>
      ok({ tools: [{ name: `t${nth}` }], ...(nth < 2 ? { nextCursor: `${nth}` } : {}) }),
    );
    expect(items.map(({ name }) => name)).toEqual(['t0', 't1', 't2']);
  });

  it('that never ends is cut', async () => {
    const { requests } = await read((_request, nth) => ok({ tools: [], nextCursor: `${nth}` }));
    expect(requests).toBe(MAX_LIST_PAGES);
  });

  it('is cut where its pages together become too long to hold', async () => {
    const padding = 'x'.repeat(MAX_LIST_LENGTH / 8);
    const { items, requests } = await read((_request, nth) =>
      ok({ tools: [{ name: `t${nth}` }], nextCursor: `${nth}`, padding }),
    );
    expect(requests).toBe(8);
    expect(items).toHaveLength(7);
  });

  it('leaves out an entry that is too large, and keeps its neighbours', async () => {
    const { items } = await read(() =>
      ok({
        tools: [
          { name: 'small' },
          { name: 'huge', description: 'x'.repeat(MAX_ITEM_LENGTH) },
          { name: 'last' },
        ],
      }),
    );
    expect(items.map(({ name }) => name)).toEqual(['small', 'last']);
  });
});
