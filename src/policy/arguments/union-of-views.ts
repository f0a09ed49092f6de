import type { DemandedViews } from './demanded-views.ts';

/** Every view that one of them demands. */
export function unionOfViews(all: readonly DemandedViews[]): DemandedViews {
  return { paths: union(all, 'paths'), urls: union(all, 'urls') };
}

function union(
  all: readonly DemandedViews[],
  kind: keyof DemandedViews,
): ReadonlySet<string> | 'all' {
  const names = new Set<string>();
  for (const views of all) {
    const demanded = views[kind];
    if (demanded === 'all') return 'all';
    for (const name of demanded) names.add(name);
  }
  return names;
}
