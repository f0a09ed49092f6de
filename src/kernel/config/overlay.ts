import { parse } from 'yaml';
import { KIB } from '../limits.ts';
import { type ConfigLeaf, ENV_PREFIX, envWord } from './leaves.ts';
import type { ConfigSchema } from './schema.ts';
import { suggest } from './suggest.ts';

const MAX_VALUE = 64 * KIB;

export interface Setting {
  readonly path: readonly string[];
  readonly value: unknown;
  /** Shown in messages: the variable or the override. */
  readonly source: string;
}

export interface OverlayProblem {
  readonly source: string;
  readonly message: string;
}

export interface Overlay {
  readonly settings: readonly Setting[];
  readonly problems: readonly OverlayProblem[];
}

/**
 * Settings from the environment. A variable that names a section but no key of it is a problem,
 * unless the file refers to it as a secret: a typo must not leave a protection at its default.
 */
export function fromEnvironment(
  schema: ConfigSchema<unknown>,
  env: Readonly<Record<string, string | undefined>>,
  referenced: ReadonlySet<string>,
): Overlay {
  const settings: Setting[] = [];
  const problems: OverlayProblem[] = [];
  const byName = new Map(schema.leaves.map((leaf) => [leaf.env, leaf]));
  const prefixes = schema.sections.map((section) => `${ENV_PREFIX}${envWord(section.name)}_`);
  for (const name of Object.keys(env).sort()) {
    const text = env[name];
    if (text === undefined || !name.startsWith(ENV_PREFIX) || referenced.has(name)) continue;
    const leaf = byName.get(name);
    if (leaf !== undefined) read(leaf, text, name, settings, problems);
    else if (prefixes.some((prefix) => name.startsWith(prefix))) {
      problems.push({ source: name, message: unknownName('variable', name, [...byName.keys()]) });
    }
  }
  return { settings, problems };
}

/** Settings by dotted path, such as `{ 'gateway.port': 8443 }`; text is read as in the environment. */
export function fromOverrides(
  schema: ConfigSchema<unknown>,
  overrides: Readonly<Record<string, unknown>>,
): Overlay {
  const settings: Setting[] = [];
  const problems: OverlayProblem[] = [];
  const leaves = schema.leaves.filter((leaf) => leaf.refPart === undefined);
  const byPath = new Map(leaves.map((leaf) => [leaf.path.join('.'), leaf]));
  for (const [path, value] of Object.entries(overrides)) {
    const source = `override ${path}`;
    const leaf = byPath.get(path);
    if (leaf === undefined)
      problems.push({ source, message: unknownName('key', path, [...byPath.keys()]) });
    else if (typeof value === 'string') read(leaf, value, source, settings, problems);
    else if (value !== undefined) settings.push({ path: leaf.path, value, source });
  }
  return { settings, problems };
}

/** A copy of `base` with the settings put in; later ones win. */
export function applySettings(
  base: Readonly<Record<string, unknown>>,
  settings: readonly Setting[],
): Record<string, unknown> {
  const root: Record<string, unknown> = { ...base };
  for (const { path, value } of settings) {
    let target = root;
    for (const step of path.slice(0, -1)) {
      const inner = target[step];
      const copy =
        typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? { ...inner } : {};
      target[step] = copy;
      target = copy as Record<string, unknown>;
    }
    target[path.at(-1) ?? ''] = value;
  }
  return root;
}

export function unknownName(what: string, name: string, known: readonly string[]): string {
  const meant = suggest(name, known);
  return meant === undefined ? `unknown ${what}` : `unknown ${what}; did you mean ${meant}?`;
}

function read(
  leaf: ConfigLeaf,
  text: string,
  source: string,
  settings: Setting[],
  problems: OverlayProblem[],
): void {
  if (leaf.refPart !== undefined) {
    settings.push({ path: leaf.path, value: { [leaf.refPart]: text }, source });
  } else if (text.length > MAX_VALUE) {
    problems.push({ source, message: `the value is longer than ${MAX_VALUE} characters` });
  } else if (leaf.isText) {
    settings.push({ path: leaf.path, value: text, source });
  } else {
    try {
      const value: unknown = parse(text, {
        version: '1.2',
        schema: 'core',
        maxAliasCount: 0,
        prettyErrors: false,
        logLevel: 'error',
      });
      settings.push({ path: leaf.path, value, source });
    } catch {
      problems.push({ source, message: 'the value is not readable as YAML' });
    }
  }
}
