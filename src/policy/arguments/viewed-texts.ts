import { CedarSet, type Value } from '../cedar/values.ts';

/** Texts longer than this are neither a path nor a URL that policy would compare. */
export const MAX_VIEWED_TEXT = 8 * 1024;
/** Paths or URLs of one argument. */
export const MAX_VIEWED_ITEMS = 1_000;
/** Elements of one set of a view. */
export const MAX_VIEW_ELEMENTS = 4_000;

/** The texts of a string or of a list of strings; undefined for anything that no view is made of. */
export function viewedTexts(value: Value | undefined): readonly string[] | undefined {
  if (typeof value === 'string') return value.length <= MAX_VIEWED_TEXT ? [value] : undefined;
  if (!(value instanceof CedarSet)) return undefined;
  const { items } = value;
  if (items.length > MAX_VIEWED_ITEMS) return undefined;
  const fits = (item: Value): item is string =>
    typeof item === 'string' && item.length <= MAX_VIEWED_TEXT;
  return items.every(fits) ? (items as readonly string[]) : undefined;
}
