import { z } from 'zod';
import { findLaxObject, type JsonSchema } from './json-schema.ts';
import { type ConfigLeaf, listLeaves } from './leaves.ts';

/** The configuration of one area. */
export interface ConfigSection<N extends string = string, S extends z.ZodType = z.ZodType> {
  readonly name: N;
  readonly description: string;
  readonly schema: S;
}

type Shape = Readonly<Record<string, z.ZodType>>;
type SectionSchema<T extends Shape> = z.ZodPrefault<
  z.ZodObject<{ -readonly [K in keyof T]: T[K] }, z.core.$strict>
>;

/**
 * Declares the section of an area. Keys are camelCase and carry `.describe('…')`; each key has a
 * default (`.default` after transformation, `.prefault` before it) or is optional or required.
 * Objects inside are `z.strictObject`: an unknown key is an error, not a shrug.
 */
export function defineSection<N extends string, T extends Shape>(
  name: N,
  description: string,
  shape: T,
): ConfigSection<N, SectionSchema<T>> {
  if (!/^[a-z][a-zA-Z0-9]*$/.test(name)) throw new Error(`section name ${name} is not camelCase`);
  const strict = z.strictObject(shape) as z.ZodObject<
    { -readonly [K in keyof T]: T[K] },
    z.core.$strict
  >;
  const schema = (strict as unknown as z.ZodObject).prefault({}).describe(description);
  return { name, description, schema: schema as unknown as SectionSchema<T> };
}

/** What `composeConfig` of those sections parses to. */
export type ConfigOf<S extends readonly ConfigSection[]> = {
  readonly [E in S[number] as E['name']]: z.output<E['schema']>;
};

export interface ConfigSchema<T> {
  readonly sections: readonly ConfigSection[];
  readonly zod: z.ZodType<T>;
  /** JSON Schema (draft 2020-12) of what may be written in the file. */
  readonly jsonSchema: JsonSchema;
  /** Every settable key, with the environment variable that sets it. */
  readonly leaves: readonly ConfigLeaf[];
}

/**
 * Puts the sections together; only the root of the program does this.
 * Throws a plain error for mistakes of the programmer: a lax object, two keys with one variable.
 */
export function composeConfig<const S extends readonly ConfigSection[]>(
  sections: S,
): ConfigSchema<ConfigOf<S>> {
  const zod = z.strictObject(
    Object.fromEntries(sections.map((section) => [section.name, section.schema])),
  );
  const jsonSchema = z.toJSONSchema(zod, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const lax = findLaxObject(jsonSchema);
  if (lax !== undefined) throw new Error(`config: ${lax} must be a z.strictObject`);
  const leaves = listLeaves(jsonSchema);
  const seen = new Map<string, string>();
  for (const leaf of leaves) {
    const other = seen.get(leaf.env);
    if (other !== undefined)
      throw new Error(`config: ${leaf.env} would set both ${other} and ${leaf.path.join('.')}`);
    seen.set(leaf.env, leaf.path.join('.'));
  }
  return { sections, zod: zod as unknown as z.ZodType<ConfigOf<S>>, jsonSchema, leaves };
}
