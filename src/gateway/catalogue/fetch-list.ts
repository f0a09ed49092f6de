import { AppError } from '../../kernel/index.ts';
import type {
  CatalogueItem,
  ClientFacts,
  ItemKind,
  RawJson,
  UpstreamConnection,
} from '../model.ts';
import { rawAsString, rawGet, rawItems, rawObject, rawString } from '../wire/raw-json.ts';
import { exposeName } from './expose-name.ts';

/** An upstream that pages for ever is cut here. */
export const MAX_LIST_PAGES = 64;
export const MAX_LIST_ITEMS = 5_000;
export const MAX_NAME_LENGTH = 2_048;
/** Longest entry, in UTF-16 units: policy refuses schemas of half of it. */
export const MAX_ITEM_LENGTH = 512 * 1_024;
/** All pages together, in UTF-16 units: lists are held in memory for every connection. */
export const MAX_LIST_LENGTH = 32 * 1_024 * 1_024;
const LIST_TIMEOUT_MS = 15_000;

const LISTS: Readonly<Record<ItemKind, { method: string; member: string; name: string }>> = {
  tools: { method: 'tools/list', member: 'tools', name: 'name' },
  prompts: { method: 'prompts/list', member: 'prompts', name: 'name' },
  resources: { method: 'resources/list', member: 'resources', name: 'uri' },
  resourceTemplates: {
    method: 'resources/templates/list',
    member: 'resourceTemplates',
    name: 'uriTemplate',
  },
};

/** The member of a list result that holds the entries, and the method that asks for it. */
export const listOf = (kind: ItemKind): { method: string; member: string } => LISTS[kind];

const REFUSE_ASK = { error: '{"code":-32601,"message":"not available while listing"}' as RawJson };

/**
 * Reads a whole list of an upstream, page by page, bounded in pages, entries and length: what is beyond is cut off.
 * Entries without a usable name, oversized entries and repeated names are left out (the first wins). Faults: `GW_UPSTREAM_PROTOCOL` and whatever the connection throws.
 */
export async function fetchList(
  connection: UpstreamConnection,
  kind: ItemKind,
  client: ClientFacts,
  aliases: Readonly<Record<string, string>> | undefined,
  signal: AbortSignal,
): Promise<readonly CatalogueItem[]> {
  const { method, member, name: nameMember } = LISTS[kind];
  const items: CatalogueItem[] = [];
  const seen = new Set<string>();
  let cursor: RawJson | undefined;
  let length = 0;
  for (let page = 0; page < MAX_LIST_PAGES; page++) {
    const answer = await connection.request({
      method,
      params: cursor === undefined ? undefined : rawObject([['cursor', cursor]]),
      client,
      extraHeaders: {},
      paramHeaders: {},
      signal,
      timeoutMs: LIST_TIMEOUT_MS,
      onNotification: () => undefined,
      onRequest: () => Promise.resolve(REFUSE_ASK),
    });
    if (answer.kind === 'error') {
      // A server that declares the capability and then knows no such method simply has nothing to list.
      if (page === 0 && rawGet(answer.error, 'code') === '-32601') return items;
      throw new AppError('GW_UPSTREAM_PROTOCOL', {
        params: { server: connection.server, problem: `${method} was answered with an error` },
      });
    }
    length += answer.result.length;
    if (length > MAX_LIST_LENGTH) return items;
    const entries = rawItems(rawGet(answer.result, member) ?? ('[]' as RawJson)) ?? [];
    for (const raw of entries) {
      if (raw.length > MAX_ITEM_LENGTH) continue;
      const nameRaw = rawGet(raw, nameMember);
      const name = nameRaw === undefined ? undefined : rawAsString(nameRaw);
      if (name === undefined || name === '' || name.length > MAX_NAME_LENGTH || seen.has(name))
        continue;
      seen.add(name);
      const exposedName =
        kind === 'tools' || kind === 'prompts'
          ? exposeName(connection.server, name, aliases)
          : name;
      items.push({ kind, server: connection.server, name, exposedName, raw });
      if (items.length >= MAX_LIST_ITEMS) return items;
    }
    cursor = rawGet(answer.result, 'nextCursor');
    if (cursor === undefined || cursor === 'null') return items;
    const text = rawAsString(cursor);
    if (text === undefined) return items;
    cursor = rawString(text);
  }
  return items;
}
