import type { RawJson } from '../model.ts';
import { rawAsString, rawDelete, rawGet, rawKind, rawObject, rawString } from '../wire/raw-json.ts';

/** Members of a schema root that references point into; they have to stay at the root when the schema moves down. */
const ROOT_ONLY = ['$schema', '$id', '$defs', 'definitions'] as const;

/**
 * An `outputSchema` for the legacy era, where it describes an object. An object schema stays as it is; a schema of
 * another single type becomes the `result` member of an object, as results are wrapped. Undefined (no schema) where one
 * schema allows both objects and other values: results then keep their shape per value, and no schema could say so.
 */
export function outputSchemaForLegacy(schema: RawJson): RawJson | undefined {
  const rawType = rawGet(schema, 'type');
  const type = rawType === undefined ? undefined : rawAsString(rawType);
  if (type === 'object') return schema;
  if (type === undefined || rawKind(schema) !== 'object') return undefined;
  let inner = schema;
  const root: Array<readonly [string, RawJson]> = [];
  for (const member of ROOT_ONLY) {
    const value = rawGet(inner, member);
    if (value === undefined) continue;
    root.push([member, value]);
    inner = rawDelete(inner, member);
  }
  // A reference to the root or into its properties would point at the wrong place after the move.
  if (refersToRoot(schema)) inner = '{}' as RawJson;
  return rawObject([
    ...root,
    ['type', rawString('object')],
    ['properties', rawObject([['result', inner]])],
    ['required', '["result"]' as RawJson],
  ]);
}

function refersToRoot(schema: RawJson): boolean {
  const refs = schema.matchAll(
    /"\$(?:ref|dynamicRef|recursiveRef)"\s{0,16}:\s{0,16}"(#[^"]{0,8})/g,
  );
  for (const [, target = '#'] of refs) {
    if (!target.startsWith('#/$defs') && !target.startsWith('#/defin')) return true;
  }
  return false;
}
