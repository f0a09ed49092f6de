import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from 'yaml';
import { MAX_CONFIG_BYTES, MAX_JSON_DEPTH } from '../limits.ts';
import { err, ok, type Result } from '../result.ts';

/** Aliases may reuse a block, but not multiply it: a file that expands beyond this is refused. */
const MAX_ALIASES = 50;

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface DocumentProblem {
  readonly position?: Position;
  readonly message: string;
}

export interface ConfigDocument {
  readonly value: Readonly<Record<string, unknown>>;
  /** Where the value at `path` stands; the nearest parent when it is absent. */
  locate(path: readonly PropertyKey[]): Position | undefined;
  /** Where the key `name` stands inside the map at `path`. */
  locateKey(path: readonly PropertyKey[], name: string): Position | undefined;
}

/**
 * Reads one YAML 1.2 document (JSON is a subset) with the core schema: no merge keys, no custom
 * tags, no duplicate keys, string keys only, bounded size, depth and alias expansion. Messages do
 * not quote the text, which may hold what somebody took for a good place for a password.
 */
export function readDocument(text: string): Result<ConfigDocument, readonly DocumentProblem[]> {
  if (Buffer.byteLength(text) > MAX_CONFIG_BYTES)
    return err([{ message: `it is larger than ${MAX_CONFIG_BYTES} bytes` }]);
  const lines = new LineCounter();
  const at = (offset: number | undefined): Position | undefined => {
    if (offset === undefined) return undefined;
    const { line, col } = lines.linePos(offset);
    return line === 0 ? undefined : { line, column: col };
  };
  const fault = (offset: number | undefined, message: string): DocumentProblem => {
    const position = at(offset);
    return position === undefined ? { message } : { position, message };
  };
  let document: Document.Parsed;
  let value: unknown;
  try {
    document = parseDocument(text, {
      version: '1.2',
      schema: 'core',
      prettyErrors: false,
      lineCounter: lines,
      merge: false,
    });
    const broken = [...document.errors, ...document.warnings];
    if (broken.length > 0) {
      return err(
        broken.map((problem) =>
          fault(
            problem.pos[0],
            `not valid YAML (${problem.code.toLowerCase().replaceAll('_', ' ')})`,
          ),
        ),
      );
    }
    const shape = checkShape(document);
    if (shape !== undefined) return err([fault(shape.offset, shape.message)]);
    value = document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
  } catch (error) {
    const bomb = error instanceof ReferenceError;
    return err([
      {
        message: bomb
          ? 'its aliases expand to too much'
          : 'it is nested too deeply or not readable',
      },
    ]);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return err([fault(0, 'expected a map of sections at the top')]);
  }
  const walk = (path: readonly PropertyKey[]): Node | null | undefined => {
    let node: Node | null | undefined = document.contents;
    for (const step of path) {
      const next: Node | null | undefined = child(resolve(document, node), step);
      if (next === undefined || next === null) return node;
      node = next;
    }
    return node;
  };
  return ok({
    value: value as Readonly<Record<string, unknown>>,
    locate: (path) => at(walk(path)?.range?.[0]),
    locateKey: (path, name) => {
      const map = resolve(document, walk(path));
      const pair = isMap(map) ? map.items.find((item) => keyOf(item) === name) : undefined;
      return at((isNode(pair?.key) ? pair.key.range?.[0] : undefined) ?? map?.range?.[0]);
    },
  });
}

function checkShape(
  document: Document.Parsed,
): { offset: number | undefined; message: string } | undefined {
  let found: { offset: number | undefined; message: string } | undefined;
  visit(document, {
    Node(_key, node, path) {
      // Each level of the tree adds the collection and, for maps, the pair.
      if (path.length <= MAX_JSON_DEPTH * 2) return undefined;
      found = { offset: node.range?.[0], message: 'it is nested too deeply' };
      return visit.BREAK;
    },
    Pair(_key, pair) {
      const name = keyOf(pair);
      if (name !== undefined && name !== '__proto__') return undefined;
      found = {
        offset: isNode(pair.key) ? pair.key.range?.[0] : undefined,
        message: name === undefined ? 'keys must be text' : 'this key is not allowed',
      };
      return visit.BREAK;
    },
  });
  return found;
}

function keyOf(pair: Pair): string | undefined {
  const { key } = pair;
  if (isScalar(key) && (typeof key.value === 'string' || typeof key.value === 'number'))
    return String(key.value);
  return undefined;
}

function resolve(
  document: Document.Parsed,
  node: Node | null | undefined,
): Node | null | undefined {
  return isAlias(node) ? node.resolve(document) : node;
}

function child(node: Node | null | undefined, step: PropertyKey): Node | null | undefined {
  if (isSeq(node) && typeof step === 'number') return node.items[step] as Node | undefined;
  if (!isMap(node)) return undefined;
  const pair = node.items.find((item) => keyOf(item) === String(step));
  return pair?.value as Node | null | undefined;
}
