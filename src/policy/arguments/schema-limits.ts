/** Bounds of one tool's `inputSchema`, which is hostile JSON. All inclusive. */
export const MAX_SCHEMA_CHARACTERS = 256 * 1024;
export const MAX_SCHEMA_DEPTH = 64;
export const MAX_SCHEMA_NODES = 20_000;
/** Deepest nesting of records and sets that policy sees; deeper properties are opaque. */
export const MAX_TYPE_DEPTH = 12;
/** Properties of all records of one tool. */
export const MAX_PROPERTIES = 1_000;
export const MAX_PROPERTY_NAME = 256;
/** Tools of one server; what comes after is unknown to policy and thus denied. */
export const MAX_TOOLS_PER_SERVER = 2_000;
/** As MCP recommends at most (128), with room. */
export const MAX_TOOL_NAME = 512;
/** Steps of local `$ref` one property may take. */
export const MAX_REF_STEPS = 16;

/** Why the schema is beyond the bounds, or undefined. Iterative, so a deep value cannot overflow the stack. */
export function oversizeSchema(schema: unknown): string | undefined {
  const open: { value: unknown; depth: number }[] = [{ value: schema, depth: 0 }];
  let characters = 0;
  let nodes = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next;
    if (++nodes > MAX_SCHEMA_NODES) return `it has more than ${MAX_SCHEMA_NODES} parts`;
    if (depth > MAX_SCHEMA_DEPTH) return `it is nested deeper than ${MAX_SCHEMA_DEPTH}`;
    if (typeof value === 'string') characters += value.length;
    else if (Array.isArray(value)) {
      if (value.length > MAX_SCHEMA_NODES) return `it has more than ${MAX_SCHEMA_NODES} parts`;
      for (const item of value) open.push({ value: item, depth: depth + 1 });
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) {
        characters += key.length + 4;
        open.push({ value: item, depth: depth + 1 });
      }
    }
    if (characters > MAX_SCHEMA_CHARACTERS)
      return `it is larger than ${MAX_SCHEMA_CHARACTERS} characters`;
  }
  return undefined;
}
