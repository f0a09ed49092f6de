import type { JsonSchema } from './json-schema.ts';
import type { ConfigSchema } from './schema.ts';

/** Markdown reference of all keys, a table per section. Equal schemas give equal texts. */
export function describeConfig(schema: ConfigSchema<unknown>): string {
  const parts = schema.sections.map((section) => {
    const rows = schema.leaves
      .filter((leaf) => leaf.path[0] === section.name && leaf.refPart === undefined)
      .flatMap((leaf) => {
        const initial = leaf.required
          ? 'required'
          : defaultText(leaf.schema, leaf.path, schema.jsonSchema);
        const key = leaf.path.join('.');
        return [row(key, leaf.schema, initial, `\`${leaf.env}\``), ...innerRows(key, leaf.schema)];
      });
    const table = [
      '| key | type | default | variable | meaning |',
      '|---|---|---|---|---|',
      ...rows,
    ];
    return [`## ${section.name}`, '', section.description, '', ...table, ''].join('\n');
  });
  return parts.join('\n');
}

/** Keys inside the values of a map, the items of a list and the alternatives of a choice. */
function innerRows(path: string, schema: JsonSchema): string[] {
  if (schema['x-secret-ref'] === true) return [];
  const rows = new Set<string>();
  const fixed = Object.entries(schema.properties ?? {});
  for (const [name, inner] of fixed) {
    const initial =
      inner.default === undefined ? '–' : `\`${cell(JSON.stringify(inner.default))}\``;
    const isRequired = schema.required?.includes(name) ?? false;
    rows.add(row(`${path}.${name}`, inner, isRequired ? 'required' : initial, '–'));
    for (const deeper of innerRows(`${path}.${name}`, inner)) rows.add(deeper);
  }
  const values = schema.additionalProperties;
  if (typeof values === 'object')
    for (const one of innerRows(`${path}.<name>`, values)) rows.add(one);
  if (schema.items !== undefined)
    for (const one of innerRows(`${path}[]`, schema.items)) rows.add(one);
  for (const option of [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) {
    for (const one of innerRows(path, option)) rows.add(one);
  }
  return [...rows];
}

function row(key: string, schema: JsonSchema, initial: string, variable: string): string {
  return `| \`${key}\` | ${typeText(schema)} | ${initial} | ${variable} | ${cell(schema.description ?? '')} |`;
}

function typeText(schema: JsonSchema): string {
  if (schema['x-secret-ref'] === true)
    return 'secret reference: `{ file: path }` or `{ env: NAME }`';
  if (schema['x-unit'] !== undefined) return schema['x-unit'];
  if (schema.enum !== undefined) return schema.enum.map((item) => `\`${String(item)}\``).join(', ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.type === 'array')
    return `list of ${schema.items === undefined ? 'values' : typeText(schema.items)}`;
  if (schema.properties !== undefined) return 'object';
  if (schema.type === 'object') {
    const inner = schema.additionalProperties;
    return `map of ${typeof inner === 'object' ? typeText(inner) : 'values'}`;
  }
  const options = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  if (options.length > 0) return [...new Set(options.map(typeText))].join(' or ');
  return schema.type ?? 'any';
}

/** The default of the key itself, or the one that an enclosing object's default gives it. */
function defaultText(leaf: JsonSchema, path: readonly string[], root: JsonSchema): string {
  if (leaf.default !== undefined) return `\`${cell(JSON.stringify(leaf.default))}\``;
  let schema: JsonSchema | undefined = root;
  let inherited: unknown;
  for (const step of path) {
    inherited =
      typeof inherited === 'object' && inherited !== null
        ? (inherited as Record<string, unknown>)[step]
        : undefined;
    schema = schema?.properties?.[step];
    inherited = inherited ?? schema?.default;
  }
  return inherited === undefined || typeof inherited === 'object'
    ? '–'
    : `\`${cell(JSON.stringify(inherited))}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/\s*\n\s*/g, ' ');
}
