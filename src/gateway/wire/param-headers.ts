import { err, ok, type Result } from '../../kernel/index.ts';
import type { RawJson } from '../model.ts';
import { rawAsString, rawGet, rawItems, rawKind, rawMembers } from './raw-json.ts';

export type ParamType = 'string' | 'integer' | 'boolean';

/** One argument that travels as a header too. */
export interface ParamHeader {
  /** The whole header name in lower case: `mcp-param-region`. */
  readonly header: string;
  /** Where the argument is: property names from the root of the arguments. */
  readonly path: readonly string[];
  readonly type: ParamType;
}

export const PARAM_PREFIX = 'mcp-param-';
const KEYWORD = 'x-mcp-header';
/** Keywords whose value is data, not a schema. */
const DATA = new Set(['default', 'const', 'enum', 'examples', 'required', 'type', KEYWORD]);
/** Keywords whose value maps names to schemas. */
const MAPS = new Set([
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
  'dependencies',
]);
const MAX_HEADERS = 64;

/**
 * The `x-mcp-header` declarations of a tool (2026-07-28, SEP-2243). Valid: a non-empty HTTP token, unique ignoring case,
 * on a string, integer or boolean, reachable through `properties` alone. An invalid one is a reason to drop the tool
 * from the list.
 */
export function readParamHeaders(toolRaw: RawJson): Result<ParamHeader[], string> {
  // The keyword is plain ASCII: without it, and without an escape that could spell it, there is nothing to read.
  if (!toolRaw.includes(KEYWORD) && !toolRaw.includes('\\u')) return ok([]);
  const schema = rawGet(toolRaw, 'inputSchema');
  const found: ParamHeader[] = [];
  const reason = schema === undefined ? undefined : visit(schema, [], true, found);
  return reason === undefined ? ok(found) : err(reason);
}

function visit(
  schema: RawJson,
  path: readonly string[],
  reachable: boolean,
  found: ParamHeader[],
): string | undefined {
  const members = rawMembers(schema);
  if (members === undefined) return visitItems(schema, path, found);
  const declared = members.get(KEYWORD);
  if (declared !== undefined) {
    const reason = declare(declared, members.get('type'), path, reachable, found);
    if (reason !== undefined) return reason;
  }
  for (const [key, value] of members) {
    if (DATA.has(key)) continue;
    const isProperties = key === 'properties';
    if (!isProperties && !MAPS.has(key)) {
      const reason = visit(value, path, false, found);
      if (reason !== undefined) return reason;
      continue;
    }
    for (const [name, child] of rawMembers(value) ?? []) {
      const reason = visit(
        child,
        isProperties ? [...path, name] : path,
        reachable && isProperties,
        found,
      );
      if (reason !== undefined) return reason;
    }
  }
  return undefined;
}

function visitItems(
  schema: RawJson,
  path: readonly string[],
  found: ParamHeader[],
): string | undefined {
  for (const item of rawItems(schema) ?? []) {
    const reason = visit(item, path, false, found);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function declare(
  declared: RawJson,
  rawType: RawJson | undefined,
  path: readonly string[],
  reachable: boolean,
  found: ParamHeader[],
): string | undefined {
  const name = rawAsString(declared);
  if (name === undefined || name.length > 128 || !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) {
    return `${KEYWORD} is not an HTTP token`;
  }
  if (!reachable || path.length === 0)
    return `${KEYWORD} "${name}" is not reachable through properties alone`;
  const type = rawType === undefined ? undefined : rawAsString(rawType);
  if (type !== 'string' && type !== 'integer' && type !== 'boolean') {
    return `${KEYWORD} "${name}" is not on a string, integer or boolean`;
  }
  const header = PARAM_PREFIX + name.toLowerCase();
  if (found.some((other) => other.header === header)) return `${KEYWORD} "${name}" appears twice`;
  if (found.length === MAX_HEADERS) return `more than ${MAX_HEADERS} ${KEYWORD} declarations`;
  found.push({ header, path, type });
  return undefined;
}

/**
 * The headers of these arguments: by whole lower-case name, values plain (the connection encodes them with
 * `encodeHeaderValue`). A null or absent argument has none.
 */
export function paramHeadersFor(
  spec: readonly ParamHeader[],
  argumentsRaw: RawJson | undefined,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { header, path } of spec) {
    const value = argumentAt(argumentsRaw, path);
    const text = value === undefined ? undefined : headerText(value);
    if (text !== undefined) headers[header] = text;
  }
  return headers;
}

/**
 * Compares recognised headers with the arguments: every scalar argument needs its header with the same value, and no
 * header may stand without its argument. `headers` are decoded, by whole lower-case name. The error is a -32020 problem.
 */
export function checkParamHeaders(
  spec: readonly ParamHeader[],
  headers: Readonly<Record<string, string>>,
  argumentsRaw: RawJson | undefined,
): Result<undefined, string> {
  for (const { header, path } of spec) {
    const value = argumentAt(argumentsRaw, path);
    const given = Object.hasOwn(headers, header) ? headers[header] : undefined;
    const text = value === undefined ? undefined : headerText(value);
    if (value !== undefined && text === undefined)
      return err(`the argument of ${header} can't be a header`);
    if (text === undefined && given !== undefined)
      return err(`${header} has no argument in the body`);
    if (text !== undefined && given === undefined) return err(`${header} is missing`);
    if (
      value !== undefined &&
      text !== undefined &&
      given !== undefined &&
      !same(value, text, given)
    ) {
      return err(`${header} differs from the body`);
    }
  }
  return ok(undefined);
}

function argumentAt(
  argumentsRaw: RawJson | undefined,
  path: readonly string[],
): RawJson | undefined {
  let value = argumentsRaw;
  for (const name of path) value = value === undefined ? undefined : rawGet(value, name);
  return value === undefined || rawKind(value) === 'null' ? undefined : value;
}

function headerText(value: RawJson): string | undefined {
  const kind = rawKind(value);
  if (kind === 'string') return rawAsString(value);
  if (kind === 'boolean') return value;
  if (kind !== 'number') return undefined;
  return integer(value)?.toString() ?? value;
}

function same(value: RawJson, text: string, given: string): boolean {
  if (given === text) return true;
  if (rawKind(value) !== 'number') return false;
  const left = integer(value);
  return left !== undefined && left === integer(given);
}

/** Exact integer value of a JSON number, whatever its spelling (`42`, `42.0`); undefined for anything else. */
function integer(token: string): bigint | undefined {
  const match = /^(-?(?:0|[1-9]\d{0,99}))(?:\.0{1,20})?$/.exec(token);
  if (match?.[1] !== undefined) return BigInt(match[1]);
  if (!/^-?(?:0|[1-9]\d{0,99})(?:\.\d{1,99})?(?:[eE][+-]?\d{1,3})?$/.test(token)) return undefined;
  const value = Number(token);
  return Number.isSafeInteger(value) ? BigInt(value) : undefined;
}
