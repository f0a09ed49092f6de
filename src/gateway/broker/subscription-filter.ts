import type { RawJson } from '../model.ts';
import { rawArray, rawAsString, rawGet, rawItems, rawObject, rawString } from '../wire/raw-json.ts';

export type ListKind = 'tools' | 'prompts' | 'resources';

const FLAGS: ReadonlyArray<readonly [ListKind, string]> = [
  ['tools', 'toolsListChanged'],
  ['prompts', 'promptsListChanged'],
  ['resources', 'resourcesListChanged'],
];
export const MAX_SUBSCRIBED = 1_024;
const MAX_TEXT = 2_048;

/** The `notifications` object of `subscriptions/listen` (2026-07-28), with the tasks extension's `taskIds`. */
export interface SubscriptionFilter {
  readonly lists: ReadonlySet<ListKind>;
  readonly uris: readonly string[];
  readonly taskIds: readonly string[];
}

/** Reads a filter; members it doesn't know are not honoured, lists are cut at 1 024 distinct entries. */
export function readFilter(raw: RawJson): SubscriptionFilter {
  const lists = new Set<ListKind>();
  for (const [kind, flag] of FLAGS) if (rawGet(raw, flag) === 'true') lists.add(kind);
  return {
    lists,
    uris: texts(rawGet(raw, 'resourceSubscriptions')),
    taskIds: texts(rawGet(raw, 'taskIds')),
  };
}

function texts(raw: RawJson | undefined): string[] {
  const unique = new Set<string>();
  for (const item of (raw === undefined ? undefined : rawItems(raw)) ?? []) {
    const text = rawAsString(item);
    if (text !== undefined && text.length <= MAX_TEXT) unique.add(text);
    if (unique.size >= MAX_SUBSCRIBED) break;
  }
  return [...unique];
}

export function writeFilter(filter: SubscriptionFilter): RawJson {
  const entries: Array<readonly [string, RawJson]> = [];
  for (const [kind, flag] of FLAGS)
    if (filter.lists.has(kind)) entries.push([flag, 'true' as RawJson]);
  if (filter.uris.length > 0)
    entries.push(['resourceSubscriptions', rawArray(filter.uris.map(rawString))]);
  if (filter.taskIds.length > 0) entries.push(['taskIds', rawArray(filter.taskIds.map(rawString))]);
  return rawObject(entries);
}

export const isEmpty = (filter: SubscriptionFilter): boolean =>
  filter.lists.size === 0 && filter.uris.length === 0 && filter.taskIds.length === 0;

/** A changed resource concerns whoever subscribed to it or to what contains it (2025-06-18, resources). */
export function concerns(uris: ReadonlySet<string>, changed: string): boolean {
  if (uris.has(changed)) return true;
  for (let at = changed.lastIndexOf('/'); at > 0; at = changed.lastIndexOf('/', at - 1)) {
    if (uris.has(changed.slice(0, at)) || uris.has(changed.slice(0, at + 1))) return true;
  }
  return false;
}
