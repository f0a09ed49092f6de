import {
  applyEdits,
  findNodeAtLocation,
  modify,
  type Node,
  type ParseError,
  parseTree,
} from 'jsonc-parser';
import { EditRefused, type FormatEditor, normaliseServers } from './edit.ts';
import { readStyle, withBom } from './text-style.ts';

const MAX_DEPTH = 64;

/** JSON with comments and trailing commas, edited in place by single insertions and removals. */
export const jsonEditor: FormatEditor = {
  edit(text, edit) {
    const { body, style } = readStyle(text);
    const from = body.trim() === '' ? `{}${style.eol}` : body;
    const before = read(from);
    const path = [edit.container, edit.name];
    const container = findNodeAtLocation(before, [edit.container]);
    if (container !== undefined && container.type !== 'object')
      throw new EditRefused(`its ${edit.container} is no object`);
    if (edit.value === undefined && findNodeAtLocation(before, path) === undefined) return text;
    const edits = modify(from, path, edit.value, {
      formattingOptions: {
        insertSpaces: style.indent !== '\t',
        tabSize: style.indent === '\t' ? 1 : style.indent.length,
        eol: style.eol,
      },
    });
    const after = applyEdits(from, edits);
    const skip = JSON.stringify(path);
    const left = (root: Node): string =>
      JSON.stringify(shape(root, [], skip, container === undefined ? edit.container : undefined));
    if (left(read(after)) !== left(before)) throw new EditRefused('editing it would change more');
    return withBom(after, style);
  },
  list(text, container) {
    const { body } = readStyle(text);
    if (body.trim() === '') return [];
    const node = findNodeAtLocation(read(body), [container]);
    return node === undefined ? [] : normaliseServers(plainValue(node));
  },
};

function read(text: string): Node {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false });
  if (root === undefined || errors.length > 0) throw new EditRefused('it is not valid JSON');
  if (root.type !== 'object') throw new EditRefused('it is no JSON object');
  check(root, 0);
  return root;
}

/** A second key of the same name would make the edit mean something else to another reader. */
function check(node: Node, depth: number): void {
  if (depth > MAX_DEPTH) throw new EditRefused('it is nested too deeply');
  const names = new Set<unknown>();
  for (const child of node.children ?? []) {
    if (node.type === 'object') {
      const name: unknown = child.children?.[0]?.value;
      if (depth <= 1 && names.has(name)) throw new EditRefused('it has the same key twice');
      names.add(name);
    }
    check(child, node.type === 'property' ? depth : depth + 1);
  }
}

/** Everything but the entry (and but a container that is empty without it), as lists: no key has a meaning here. */
function shape(
  node: Node,
  path: readonly unknown[],
  skip: string,
  emptyContainer: string | undefined,
): unknown {
  if (node.type === 'array')
    return [
      '[',
      ...(node.children ?? []).map((child, index) =>
        shape(child, [...path, index], skip, undefined),
      ),
    ];
  if (node.type !== 'object') return node.value as unknown;
  const members = (node.children ?? []).flatMap((property) => {
    const name: unknown = property.children?.[0]?.value;
    const value = property.children?.[1];
    const inner = [...path, name];
    if (value === undefined || JSON.stringify(inner) === skip) return [];
    if (path.length === 0 && name === emptyContainer) return [];
    return [[name, shape(value, inner, skip, undefined)]];
  });
  return ['{', ...members];
}

function plainValue(node: Node): unknown {
  if (node.type === 'array') return (node.children ?? []).map(plainValue);
  if (node.type !== 'object') return node.value as unknown;
  return Object.fromEntries(
    (node.children ?? []).map((property) => [
      String(property.children?.[0]?.value),
      property.children?.[1] === undefined ? null : plainValue(property.children[1]),
    ]),
  );
}
