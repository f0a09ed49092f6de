import type { JsonSchema } from './json-schema.ts';

/** One settable key of the configuration. */
export interface ConfigLeaf {
  readonly path: readonly string[];
  /** `SALLYPORT_<SECTION>_<KEY>`; camelCase becomes upper snake case. */
  readonly env: string;
  /** For `secretRef` keys, which half of the reference this variable gives. */
  readonly refPart?: 'file' | 'env';
  /** Text is taken as it is; other types are read as a YAML flow value. */
  readonly isText: boolean;
  readonly required: boolean;
  readonly schema: JsonSchema;
}

export const ENV_PREFIX = 'SALLYPORT_';

/** `maxBodyBytes` to `MAX_BODY_BYTES`. */
export function envWord(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase();
}

export function listLeaves(root: JsonSchema): ConfigLeaf[] {
  const out: ConfigLeaf[] = [];
  const walk = (schema: JsonSchema, path: readonly string[], required: boolean): void => {
    if (schema.properties !== undefined) {
      for (const [name, inner] of Object.entries(schema.properties)) {
        walk(inner, [...path, name], schema.required?.includes(name) ?? false);
      }
      return;
    }
    const env = ENV_PREFIX + path.map(envWord).join('_');
    const isText =
      schema.type === 'string' || (schema.enum?.every((item) => typeof item === 'string') ?? false);
    out.push({ path, env, isText, required, schema });
    if (schema['x-secret-ref'] === true) {
      out.push({
        path,
        env: `${env}_FILE`,
        refPart: 'file',
        isText: true,
        required: false,
        schema,
      });
      out.push({ path, env: `${env}_ENV`, refPart: 'env', isText: true, required: false, schema });
    }
  };
  walk(root, [], false);
  return out;
}
