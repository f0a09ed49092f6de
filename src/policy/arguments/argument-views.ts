import { CedarRecord, OversizeString, type Value } from '../cedar/values.ts';
import type { DemandedViews } from './demanded-views.ts';
import { pathView } from './path-view.ts';
import { urlView } from './url-view.ts';

export interface ArgumentViews {
  readonly paths: CedarRecord;
  readonly urls: CedarRecord;
}

/**
 * Stands for a view that cannot be made of an argument that is there. `has` sees it, and reading it denies the whole
 * call: were it absent, an ambiguous path would slip past a forbid that asks `has` first.
 */
const UNJUDGEABLE = new OversizeString(0);

/** The views some policy reads, of the arguments that are present. `names` are those the schema gives a view. */
export function argumentViews(
  input: CedarRecord,
  names: readonly string[],
  demanded: DemandedViews,
): ArgumentViews {
  return {
    paths: viewsOf(input, names, demanded.paths, pathView),
    urls: viewsOf(input, names, demanded.urls, urlView),
  };
}

function viewsOf(
  input: CedarRecord,
  names: readonly string[],
  demanded: ReadonlySet<string> | 'all',
  view: (value: Value) => CedarRecord | undefined,
): CedarRecord {
  if (demanded !== 'all' && demanded.size === 0) return CedarRecord.empty;
  let present: string[] | undefined;
  let views: Value[] | undefined;
  for (const name of names) {
    if (demanded !== 'all' && !demanded.has(name)) continue;
    const value = input.get(name);
    if (value === undefined) continue;
    present ??= [];
    views ??= [];
    present.push(name);
    views.push(view(value) ?? UNJUDGEABLE);
  }
  return present === undefined || views === undefined
    ? CedarRecord.empty
    : CedarRecord.of(present, views);
}
