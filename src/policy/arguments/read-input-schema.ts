import { type ArgumentType, OPAQUE, type PropertyType, type RecordType } from './argument-type.ts';
import {
  MAX_PROPERTIES,
  MAX_PROPERTY_NAME,
  MAX_REF_STEPS,
  MAX_TYPE_DEPTH,
  oversizeSchema,
} from './schema-limits.ts';

export type InputSchemaReading =
  /** `opaque` lists properties that policy cannot constrain, with the reason. */
  | { readonly ok: true; readonly type: RecordType; readonly opaque: readonly OpaqueProperty[] }
  | { readonly ok: false; readonly why: string };

export interface OpaqueProperty {
  readonly path: string;
  readonly why: string;
}

type Json = Readonly<Record<string, unknown>>;

/** Would be read as an escape in Cedar's JSON forms, by which the referee gets its values. */
export const CEDAR_ESCAPES: ReadonlySet<string> = new Set(['__entity', '__extn', '__expr']);

interface Reader {
  readonly root: Json;
  readonly opaque: OpaqueProperty[];
  /** Objects being read, to see recursion. */
  readonly open: Set<Json>;
  properties: number;
}

/**
 * Reads a tool's `inputSchema` (JSON Schema, any draft) into types. What a type cannot say exactly becomes an opaque
 * property; when not even the list of properties is known the whole tool is opaque (`ok: false`). Only local
 * references (`#/...`) are followed: nothing is ever fetched. Time and memory are bounded.
 */
export function readInputSchema(schema: unknown): InputSchemaReading {
  if (schema === undefined) return { ok: false, why: 'it declares no input schema' };
  const oversize = oversizeSchema(schema);
  if (oversize !== undefined) return { ok: false, why: `its input schema is refused: ${oversize}` };
  if (!isObject(schema)) return { ok: false, why: 'its input schema is not an object' };
  const reader: Reader = { root: schema, opaque: [], open: new Set(), properties: 0 };
  const top = resolve(reader, schema);
  if (typeof top === 'string') return { ok: false, why: top };
  if (top['type'] !== undefined && top['type'] !== 'object')
    return { ok: false, why: 'its input schema does not describe an object' };
  if (top['properties'] !== undefined && !isObject(top['properties']))
    return { ok: false, why: 'its `properties` are not an object' };
  if (top['properties'] === undefined && !describesEmptyObject(top))
    return { ok: false, why: 'its input schema lists no properties' };
  const type = readRecord(reader, top, '', 0);
  return type.kind === 'record'
    ? { ok: true, type, opaque: reader.opaque }
    : { ok: false, why: type.kind === 'opaque' ? type.why : 'its input schema is not understood' };
}

/** `{type: object}` alone is how servers write "no arguments"; with combinators it may hide properties. */
function describesEmptyObject(schema: Json): boolean {
  const hides = ['anyOf', 'oneOf', 'allOf', 'if', 'patternProperties', 'dependentSchemas'];
  return schema['type'] === 'object' && !hides.some((word) => word in schema);
}

function readRecord(reader: Reader, schema: Json, path: string, depth: number): ArgumentType {
  if (reader.open.has(schema)) return OPAQUE('it is recursive');
  reader.open.add(schema);
  const declared = isObject(schema['properties']) ? schema['properties'] : {};
  const required = new Set(Array.isArray(schema['required']) ? schema['required'] : []);
  const properties = new Map<string, PropertyType>();
  for (const [name, part] of Object.entries(declared)) {
    if (++reader.properties > MAX_PROPERTIES) {
      reader.open.delete(schema);
      return OPAQUE(`it has more than ${MAX_PROPERTIES} properties`);
    }
    const at = path === '' ? name : `${path}.${name}`;
    const read = readProperty(reader, name, part, at, depth);
    if (read.type.kind === 'opaque')
      reader.opaque.push({ path: at.slice(0, MAX_PROPERTY_NAME), why: read.type.why });
    properties.set(name, { ...read, required: required.has(name) });
  }
  reader.open.delete(schema);
  return { kind: 'record', properties };
}

type Read = Pick<PropertyType, 'type' | 'nullable'>;

function readProperty(
  reader: Reader,
  name: string,
  part: unknown,
  at: string,
  depth: number,
): Read {
  if (name.length > MAX_PROPERTY_NAME || !name.isWellFormed())
    return { type: OPAQUE('its name is too long or not well-formed'), nullable: true };
  if (CEDAR_ESCAPES.has(name))
    return { type: OPAQUE('its name has a meaning of its own in Cedar'), nullable: true };
  return readType(reader, part, at, depth + 1);
}

function readType(reader: Reader, part: unknown, at: string, depth: number): Read {
  if (!isObject(part)) return { type: OPAQUE('it declares no type'), nullable: true };
  if (depth > MAX_TYPE_DEPTH)
    return { type: OPAQUE(`it is nested deeper than ${MAX_TYPE_DEPTH}`), nullable: true };
  const schema = resolve(reader, part);
  if (typeof schema === 'string') return { type: OPAQUE(schema), nullable: true };
  const choice = schema['anyOf'] ?? schema['oneOf'];
  if (choice !== undefined) return readChoice(reader, choice, at, depth);
  if (Array.isArray(schema['allOf'])) {
    return schema['allOf'].length === 1 && schema['type'] === undefined
      ? readType(reader, schema['allOf'][0], at, depth + 1)
      : { type: OPAQUE('it combines several schemas'), nullable: true };
  }
  const types = Array.isArray(schema['type']) ? schema['type'] : [schema['type']];
  const named = types.filter((type) => type !== 'null');
  const nullable = named.length < types.length || schema['nullable'] === true;
  if (named.length !== 1) return { type: OPAQUE('it may have several types'), nullable: true };
  return { type: readNamed(reader, named[0], schema, at, depth), nullable };
}

/** A choice between one schema and null is that schema, nullable; any other choice has no Cedar type. */
function readChoice(reader: Reader, choice: unknown, at: string, depth: number): Read {
  const parts = Array.isArray(choice) ? choice : [];
  const others = parts.filter((part) => !(isObject(part) && part['type'] === 'null'));
  if (others.length !== 1) return { type: OPAQUE('it may have several types'), nullable: true };
  const read = readType(reader, others[0], at, depth + 1);
  return { type: read.type, nullable: read.nullable || others.length < parts.length };
}

function readNamed(
  reader: Reader,
  name: unknown,
  schema: Json,
  at: string,
  depth: number,
): ArgumentType {
  switch (name) {
    case 'string':
      return readString(schema);
    case 'boolean':
      return { kind: 'boolean' };
    case 'integer':
      return { kind: 'long' };
    case 'number':
      return { kind: 'decimal' };
    case 'array': {
      if (!isObject(schema['items'])) return OPAQUE('its items have no type');
      if (schema['prefixItems'] !== undefined) return OPAQUE('its items differ in type');
      const element = readType(reader, schema['items'], `${at}[]`, depth + 1);
      if (element.type.kind === 'opaque') return OPAQUE(`of its items ${element.type.why}`);
      return element.nullable
        ? OPAQUE('its items may be null')
        : { kind: 'set', element: element.type };
    }
    case 'object':
      return isObject(schema['properties'])
        ? readRecord(reader, schema, at, depth)
        : OPAQUE('it is an object without declared properties');
    case undefined:
      return readString(schema, true);
    default:
      return OPAQUE('it has an unknown type');
  }
}

function readString(schema: Json, untyped = false): ArgumentType {
  const values = schema['const'] !== undefined ? [schema['const']] : schema['enum'];
  if (Array.isArray(values)) {
    const listed = values.filter((value) => value !== null);
    const texts = listed.filter((value) => typeof value === 'string');
    if (texts.length !== listed.length) return OPAQUE('it lists values of several types');
    return { kind: 'string', values: new Set(texts) };
  }
  if (untyped) return OPAQUE('it declares no type');
  switch (schema['format']) {
    case 'date-time':
    case 'date':
      return { kind: 'datetime' };
    case 'ipv4':
    case 'ipv6':
      return { kind: 'ip' };
    default:
      return { kind: 'string' };
  }
}

/** Follows local references, or says why it cannot. */
function resolve(reader: Reader, from: Json): Json | string {
  let current = from;
  for (let step = 0; step < MAX_REF_STEPS; step++) {
    const ref = current['$ref'] ?? current['$dynamicRef'];
    if (ref === undefined) return current;
    if (typeof ref !== 'string' || !ref.startsWith('#'))
      return 'it refers to a schema elsewhere, which is never fetched';
    const target = pointed(reader.root, ref.slice(1));
    if (!isObject(target)) return 'it refers to a schema that is not there';
    current = target;
  }
  return 'its references go round in circles';
}

/** JSON Pointer (RFC 6901) in its URI fragment form. */
function pointed(root: Json, pointer: string): unknown {
  if (pointer === '') return root;
  if (!pointer.startsWith('/')) return undefined;
  let at: unknown = root;
  for (const token of pointer.slice(1).split('/')) {
    let key = token;
    try {
      key = decodeURIComponent(token);
    } catch {
      return undefined;
    }
    key = key.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(at)) at = /^[0-9]{1,6}$/.test(key) ? at[Number(key)] : undefined;
    else if (isObject(at)) at = Object.hasOwn(at, key) ? at[key] : undefined;
    else return undefined;
  }
  return at;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
