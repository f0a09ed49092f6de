import type { RawJson, Revision } from '../model.ts';
import {
  rawArray,
  rawAsString,
  rawGet,
  rawItems,
  rawObject,
  rawSet,
  rawString,
} from '../wire/raw-json.ts';

/** Revisions before which a content type does not exist. */
const RESOURCE_LINKS_SINCE: Revision = '2025-06-18';
const AUDIO_SINCE: Revision = '2025-03-26';

/** True when a client of this revision knows every content type of today. */
export const knowsAllContent = (revision: Revision): boolean => revision >= RESOURCE_LINKS_SINCE;

/**
 * One content block for a client of `revision`: resource links become text (name and URI), audio becomes an embedded
 * resource with the same bytes. Blocks the revision knows stay byte for byte.
 */
export function contentBlock(raw: RawJson, revision: Revision, position: number): RawJson {
  const rawType = rawGet(raw, 'type');
  const type = rawType === undefined ? undefined : rawAsString(rawType);
  if (type === 'resource_link' && revision < RESOURCE_LINKS_SINCE) {
    const uri = text(raw, 'uri') ?? '';
    const name = text(raw, 'title') ?? text(raw, 'name');
    const line = name === undefined ? uri : `${name}: ${uri}`;
    return rawObject([
      ['type', rawString('text')],
      ['text', rawString(line)],
    ]);
  }
  if (type === 'audio' && revision < AUDIO_SINCE) {
    const resource: Array<readonly [string, RawJson]> = [
      ['uri', rawString(`urn:sallyport:audio:${position}`)],
    ];
    const mimeType = rawGet(raw, 'mimeType');
    if (mimeType !== undefined) resource.push(['mimeType', mimeType]);
    resource.push(['blob', rawGet(raw, 'data') ?? rawString('')]);
    return rawObject([
      ['type', rawString('resource')],
      ['resource', rawObject(resource)],
    ]);
  }
  return raw;
}

function text(raw: RawJson, key: string): string | undefined {
  const value = rawGet(raw, key);
  return value === undefined ? undefined : rawAsString(value);
}

/** The `content` array of a tool result. */
export function toolContent(result: RawJson, revision: Revision): RawJson {
  if (knowsAllContent(revision)) return result;
  const content = rawGet(result, 'content');
  const items = content === undefined ? undefined : rawItems(content);
  if (items === undefined) return result;
  const adapted = items.map((item, index) => contentBlock(item, revision, index));
  return adapted.every((item, index) => item === items[index])
    ? result
    : rawSet(result, 'content', rawArray(adapted));
}

/** The messages of a prompt, each with one block. */
export function promptMessages(result: RawJson, revision: Revision): RawJson {
  if (knowsAllContent(revision)) return result;
  const messages = rawGet(result, 'messages');
  const items = messages === undefined ? undefined : rawItems(messages);
  if (items === undefined) return result;
  const adapted = items.map((message, index) => {
    const block = rawGet(message, 'content');
    const changed = block === undefined ? undefined : contentBlock(block, revision, index);
    return changed === undefined || changed === block
      ? message
      : rawSet(message, 'content', changed);
  });
  return adapted.every((item, index) => item === items[index])
    ? result
    : rawSet(result, 'messages', rawArray(adapted));
}
