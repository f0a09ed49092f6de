import type { ClientFacts, Era, ItemKind, RawJson, Revision } from '../model.ts';
import { META } from '../wire/envelope.ts';
import {
  rawArray,
  rawDelete,
  rawGet,
  rawItems,
  rawObject,
  rawSet,
  rawString,
} from '../wire/raw-json.ts';
import { outputSchemaForLegacy } from './output-schema.ts';

/** Members that came with a revision; an older client gets the item without them. */
const SINCE: Readonly<Record<ItemKind, ReadonlyArray<readonly [Revision, string]>>> = {
  tools: [
    ['2025-03-26', 'annotations'],
    ['2025-06-18', 'title'],
    ['2025-06-18', 'outputSchema'],
    ['2025-11-25', 'icons'],
    ['2025-11-25', 'execution'],
  ],
  prompts: [
    ['2025-06-18', 'title'],
    ['2025-11-25', 'icons'],
  ],
  resources: [
    ['2025-06-18', 'title'],
    ['2025-11-25', 'icons'],
  ],
  resourceTemplates: [
    ['2025-06-18', 'title'],
    ['2025-11-25', 'icons'],
  ],
};

const remove = (raw: RawJson, member: string): RawJson =>
  raw.includes(member) ? rawDelete(raw, member) : raw;

/**
 * A list entry for a client of `revision`. `era` is the upstream's: between equal eras and revisions nothing changes.
 * Legacy clients get a non-object `outputSchema` as `{ "result": … }`, the way results are wrapped; modern clients get
 * no `execution`, since tasks of a legacy server are run for them.
 */
export function itemFor(revision: Revision, era: Era, kind: ItemKind, raw: RawJson): RawJson {
  if (revision >= '2026-07-28')
    return era === 'legacy' && kind === 'tools' ? remove(raw, 'execution') : raw;
  let next = raw;
  for (const [since, member] of SINCE[kind]) {
    if (revision < since) next = remove(next, member);
  }
  if (kind === 'tools' && revision >= '2025-06-18') return wrapOutputSchema(next);
  if (kind === 'prompts' && revision < '2025-06-18') return plainArguments(next);
  return next;
}

function wrapOutputSchema(tool: RawJson): RawJson {
  const schema = tool.includes('outputSchema') ? rawGet(tool, 'outputSchema') : undefined;
  if (schema === undefined) return tool;
  const adapted = outputSchemaForLegacy(schema);
  if (adapted === schema) return tool;
  return adapted === undefined
    ? rawDelete(tool, 'outputSchema')
    : rawSet(tool, 'outputSchema', adapted);
}

function plainArguments(prompt: RawJson): RawJson {
  const declared = rawGet(prompt, 'arguments');
  const items = declared === undefined ? undefined : rawItems(declared);
  if (items === undefined) return prompt;
  const plain = items.map((item) => remove(item, 'title'));
  return plain.every((item, index) => item === items[index])
    ? prompt
    : rawSet(prompt, 'arguments', rawArray(plain));
}

/** How long a modern client may keep a list: short, because policy and pins move; we also announce changes. */
export const LIST_TTL_MS = 30_000;

/**
 * A list result in the client's era. Modern: `resultType`, `ttlMs`, `cacheScope: "private"` (a list is filtered for its
 * caller) and, when given, `serverInfo`. `nextCursor` may be the empty string, which is a valid cursor.
 */
export function listResult(
  client: Pick<ClientFacts, 'era'>,
  kind: ItemKind,
  items: readonly RawJson[],
  nextCursor?: string,
  modern: { readonly ttlMs?: number; readonly serverInfo?: RawJson } = {},
): RawJson {
  const entries: Array<readonly [string, RawJson]> = [];
  if (client.era === 'modern') entries.push(['resultType', rawString('complete')]);
  entries.push([kind, rawArray(items)]);
  if (nextCursor !== undefined) entries.push(['nextCursor', rawString(nextCursor)]);
  if (client.era === 'modern') {
    entries.push(
      ['ttlMs', String(modern.ttlMs ?? LIST_TTL_MS) as RawJson],
      ['cacheScope', rawString('private')],
    );
    if (modern.serverInfo !== undefined) {
      entries.push(['_meta', rawObject([[META.serverInfo, modern.serverInfo]])]);
    }
  }
  return rawObject(entries);
}
