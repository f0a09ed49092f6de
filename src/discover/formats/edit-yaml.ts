import { isDeepStrictEqual } from 'node:util';
import { type Document, isMap, isSeq, parseDocument } from 'yaml';
import { EditRefused, type EntryEdit, type FormatEditor, normaliseServers } from './edit.ts';
import { readStyle, withBom } from './text-style.ts';

const MAX_ALIASES = 50;

/** YAML through its document tree: comments and order stay, and the values of everything else are compared. */
export const yamlEditor: FormatEditor = {
  edit(text, edit) {
    const { body, style } = readStyle(text);
    const document = read(body);
    const before = treeValue(document);
    if (document.contents === null || !isMap(document.contents)) {
      if (document.contents !== null && body.trim() !== '')
        throw new EditRefused('it is no YAML map');
      document.contents = document.createNode({ ...edit.preamble }) as never;
    }
    change(document, edit);
    const written = document.toString({
      lineWidth: 0,
      indent: style.indent.length > 4 ? 2 : Math.max(2, style.indent.length),
    });
    const after = style.eol === '\r\n' ? written.replace(/\r?\n/g, '\r\n') : written;
    const rest = (value: unknown): unknown => without(value, edit);
    const known = body.trim() === '' ? { ...edit.preamble } : before;
    if (!isDeepStrictEqual(rest(treeValue(read(after))), rest(known)))
      throw new EditRefused('editing it would change more');
    return withBom(after, style);
  },
  list(text, container) {
    const value = treeValue(read(readStyle(text).body)) as Record<string, unknown> | null;
    return normaliseServers(value?.[container]);
  },
};

function read(body: string): Document {
  const document = parseDocument(body, { prettyErrors: false, merge: false });
  if (document.errors.length > 0) throw new EditRefused('it is not valid YAML');
  return document;
}

function treeValue(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    throw new EditRefused('its aliases expand to too much');
  }
}

function change(document: Document, { container, name, value, isList }: EntryEdit): void {
  const node = document.get(container, true);
  const usable = node === undefined || node === null || (isList ? isSeq(node) : isMap(node));
  if (!usable && document.getIn([container]) !== null)
    throw new EditRefused(`its ${container} is no ${isList ? 'list' : 'map'}`);
  if (!isList) {
    if (value === undefined) document.deleteIn([container, name]);
    else if (isMap(node)) document.setIn([container, name], document.createNode(value));
    else document.set(container, document.createNode({ [name]: value }));
    return;
  }
  const items = isSeq(node) ? node.items : [];
  const index = items.findIndex((item) => isMap(item) && item.get('name') === name);
  if (value === undefined) {
    if (index >= 0) document.deleteIn([container, index]);
  } else if (index >= 0) document.setIn([container, index], document.createNode(value));
  else if (isSeq(node)) document.addIn([container], document.createNode(value));
  else document.set(container, document.createNode([value]));
}

/** Everything but the entry; a container that is empty without it counts as absent. */
function without(value: unknown, { container, name, isList }: EntryEdit): unknown {
  const { [container]: held, ...rest } = (value ?? {}) as Record<string, unknown>;
  const others = isList
    ? (Array.isArray(held) ? held : []).filter(
        (one) => (one as { name?: unknown } | null)?.name !== name,
      )
    : Object.entries((held ?? {}) as object).filter(([key]) => key !== name);
  return { rest, others };
}
