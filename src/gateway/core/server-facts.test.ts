import { describe, expect, it } from 'vitest';
import { raw } from '../broker/fixtures/scripted.ts';
import type { Listing } from '../catalogue/catalogue.ts';
import { MAX_LIST_ITEMS } from '../catalogue/fetch-list.ts';
import type { CatalogueItem } from '../model.ts';
import { createToolBook } from './server-facts.ts';

function listingOf(names: readonly string[]): Listing {
  const items = names.map(
    (name): CatalogueItem => ({
      kind: 'tools',
      server: 'files',
      name,
      exposedName: name,
      raw: raw({ name }),
    }),
  );
  const byName = new Map(items.map((item) => [item.name, item]));
  return { items, byName, byExposedName: byName, readAt: 0 };
}

describe('the tools that policy knows of a server', () => {
  it('are the union of what its connections list', () => {
    let known: string[] = [];
    const add = createToolBook((_server, tools) => {
      known = tools.map(({ name }) => name);
    });
    add('files', listingOf(['a', 'b']));
    expect(add('files', listingOf(['b', 'c']))).toBe(true);
    expect(known).toEqual(['a', 'b', 'c']);
    expect(add('files', listingOf(['a']))).toBe(false);
  });

  it('stay bounded when a server lists other tools every time', () => {
    let known: string[] = [];
    const add = createToolBook((_server, tools) => {
      known = tools.map(({ name }) => name);
    });
    const half = MAX_LIST_ITEMS / 2;
    for (let round = 0; round < 6; round++)
      add('files', listingOf(Array.from({ length: half }, (_, n) => `t-${round}-${n}`)));
    expect(known).toHaveLength(MAX_LIST_ITEMS);
    expect(known.at(-1)).toBe(`t-5-${half - 1}`);
    expect(known).not.toContain('t-0-0');
  });
});
