import type { RawJson, Revision } from '../model.ts';
import {
  rawArray,
  rawAsString,
  rawDelete,
  rawGet,
  rawItems,
  rawKind,
  rawObject,
  rawSet,
  rawString,
} from '../wire/raw-json.ts';
import { promptMessages, toolContent } from './content-for-revision.ts';

const MODERN_MEMBERS = ['resultType', 'ttlMs', 'cacheScope'] as const;
const STRUCTURED_SINCE: Revision = '2025-06-18';

/** A complete result of a modern upstream as a legacy client of `revision` expects it (table 4.1). */
export function resultForLegacy(method: string, result: RawJson, revision: Revision): RawJson {
  let next = result;
  for (const member of MODERN_MEMBERS) {
    if (next.includes(`"${member}"`)) next = rawDelete(next, member);
  }
  if (method === 'tools/call') return structured(downgradeResult(method, next, revision), revision);
  return downgradeResult(method, next, revision);
}

/** What an older revision of the legacy era lacks; also used when both sides are legacy and the client is the older. */
export function downgradeResult(method: string, result: RawJson, revision: Revision): RawJson {
  if (method === 'prompts/get') return promptMessages(result, revision);
  if (method !== 'tools/call') return result;
  const adapted = toolContent(result, revision);
  return revision < STRUCTURED_SINCE ? dropStructured(adapted) : adapted;
}

/** Without `structuredContent`; its value survives as text when nothing else would carry it. */
function dropStructured(result: RawJson): RawJson {
  const value = structuredOf(result);
  if (value === undefined) return result;
  const rest = rawDelete(result, 'structuredContent');
  const content = rawGet(rest, 'content');
  const items = content === undefined ? undefined : rawItems(content);
  return items === undefined || items.length === 0 ? withText(rest, value) : rest;
}

/** Legacy `structuredContent` is an object: any other value moves to `{ "result": value }` and is repeated as text. */
function structured(result: RawJson, revision: Revision): RawJson {
  if (revision < STRUCTURED_SINCE) return result;
  const value = structuredOf(result);
  if (value === undefined || rawKind(value) === 'object') return result;
  return withText(rawSet(result, 'structuredContent', rawObject([['result', value]])), value);
}

/** Appends the JSON text of `value` to `content`, unless a text block says it already. */
function withText(result: RawJson, value: RawJson): RawJson {
  const content = rawGet(result, 'content');
  const items = (content === undefined ? undefined : rawItems(content)) ?? [];
  const said = items.some((item) => {
    const text = rawGet(item, 'text');
    return text !== undefined && rawAsString(text) === value;
  });
  if (said) return result;
  const block = rawObject([
    ['type', rawString('text')],
    ['text', rawString(value)],
  ]);
  return rawSet(result, 'content', rawArray([...items, block]));
}

/** A native search settles the usual answer without walking the result. */
function structuredOf(result: RawJson): RawJson | undefined {
  return result.includes('structuredContent') || result.includes('\\u')
    ? rawGet(result, 'structuredContent')
    : undefined;
}
