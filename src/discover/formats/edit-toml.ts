import { isDeepStrictEqual } from 'node:util';
import { parse } from 'smol-toml';
import { EditRefused, type EntryEdit, type FormatEditor, normaliseServers } from './edit.ts';
import { readStyle, withBom } from './text-style.ts';

type Table = Record<string, unknown>;

/**
 * TOML, edited as text so that comments and order stay, then read by a parser: the result must hold the change and
 * nothing else, or the edit is refused.
 */
export const tomlEditor: FormatEditor = {
  edit(text, edit) {
    const { body, style } = readStyle(text);
    const before = read(body);
    const lines = body.split(/(?<=\n)/);
    const kept = lines.filter((_, index) => !inTable(lines, index, edit));
    let after = kept.join('');
    if (edit.value !== undefined) {
      const block = tableText(edit).replaceAll('\n', style.eol);
      const glue = after === '' || /\n\r?\n$/.test(after) ? '' : style.eol;
      const end = after === '' || after.endsWith('\n') ? '' : style.eol;
      after = `${after}${end}${glue}${block}`;
    }
    const expected = structuredClone(before);
    const container = (expected[edit.container] ?? {}) as Table;
    delete container[edit.name];
    if (edit.value !== undefined) {
      container[edit.name] = edit.value;
      expected[edit.container] = container;
    } else if (Object.keys(container).length === 0) delete expected[edit.container];
    let found: Table;
    try {
      found = read(after);
    } catch {
      throw new EditRefused('its layout is not one that can be edited safely');
    }
    const empty = found[edit.container];
    if (edit.value === undefined && isDeepStrictEqual(empty, {})) delete found[edit.container];
    if (!isDeepStrictEqual(plain(found), plain(expected)))
      throw new EditRefused('its layout is not one that can be edited safely');
    return withBom(after, style);
  },
  list: (text, container) => normaliseServers(plain(read(readStyle(text).body)[container])),
};

function read(body: string): Table {
  try {
    return parse(body) as Table;
  } catch {
    throw new EditRefused('it is not valid TOML');
  }
}

/** Tables without their own prototype or class, for comparison. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** Whether a line belongs to `[container.name]` or a table below it. */
function inTable(lines: readonly string[], index: number, edit: EntryEdit): boolean {
  for (let at = index; at >= 0; at -= 1) {
    const header = /^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$/.exec((lines[at] ?? '').trimEnd());
    if (header === null) continue;
    const [first, second] = keysOf(header[1] ?? '');
    return first === edit.container && second === edit.name;
  }
  return false;
}

function keysOf(dotted: string): string[] {
  return [...dotted.matchAll(/"([^"\\]{0,256})"|'([^']{0,256})'|([A-Za-z0-9_-]{1,256})/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  );
}

function tableText({ container, name, value = {} }: EntryEdit): string {
  const rows = Object.entries(value).map(([key, inner]) => `${key} = ${valueText(inner)}\n`);
  return `[${container}.${name}]\n${rows.join('')}`;
}

/** JSON's strings are TOML basic strings, save that TOML wants U+007F escaped. */
function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`;
  return JSON.stringify(value).replaceAll('\u007f', '\\u007f');
}
