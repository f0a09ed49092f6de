/** The parts of JSON Schema that our own zod sections produce. */
export interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly 'x-unit'?: string;
  readonly 'x-secret-ref'?: boolean;
}

/** Path of the first object with fixed keys that would silently drop unknown ones. */
export function findLaxObject(schema: JsonSchema, path = 'the file'): string | undefined {
  if (schema.properties !== undefined && schema.additionalProperties !== false) return path;
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const found = findLaxObject(inner, path === 'the file' ? name : `${path}.${name}`);
    if (found !== undefined) return found;
  }
  const rest = [schema.items, schema.additionalProperties, ...alternatives(schema)];
  for (const inner of rest) {
    if (typeof inner !== 'object') continue;
    const found = findLaxObject(inner, path);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Property names that may stand at `path`, for suggestions. */
export function namesAt(schema: JsonSchema, path: readonly PropertyKey[]): string[] {
  const [head, ...rest] = path;
  const found = new Set<string>();
  if (head === undefined) for (const name of Object.keys(schema.properties ?? {})) found.add(name);
  else {
    const next = typeof head === 'number' ? schema.items : property(schema, String(head));
    if (next !== undefined) for (const name of namesAt(next, rest)) found.add(name);
  }
  for (const option of alternatives(schema))
    for (const name of namesAt(option, path)) found.add(name);
  return [...found];
}

function property(schema: JsonSchema, name: string): JsonSchema | undefined {
  const fixed = schema.properties;
  if (fixed !== undefined && Object.hasOwn(fixed, name)) return fixed[name];
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  return [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
}
