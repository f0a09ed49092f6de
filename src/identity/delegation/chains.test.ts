import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readDetails } from './details.ts';
import { allowing, narrow, underCeiling } from './rights.ts';
import { type Engine, runChains } from './testing/random-chains.ts';

const long = process.env['SALLYPORT_LONG'] === '1';
const CHAINS = long ? 20_000 : 2_000;
const ENGINE: Engine = { readDetails, narrow, underCeiling, allowing };

describe('any chain of exchanges', () => {
  test('never lets its leaf call what one of its ancestors was not given', {
    timeout: 300_000,
  }, () => {
    const counts = runChains(ENGINE, CHAINS, 20_261_125);
    expect(counts.violations.slice(0, 3)).toEqual([]);
    // The generator must reach what it is there for: deep chains, and calls that pass.
    expect(counts.accepted).toBeGreaterThan(CHAINS);
    expect(counts.byDepth[3]).toBeGreaterThan(CHAINS / 50);
    expect(counts.allowed).toBeGreaterThan(CHAINS);
    expect(counts.calls - counts.allowed).toBeGreaterThan(CHAINS);
  });
});

/** Each breaks the engine in one way that a reader could overlook. The chains above must notice every one. */
const MUTATIONS: readonly (readonly [string, string, string, string])[] = [
  [
    'a level can be handed down for ever',
    'subsume.ts',
    'parent.delegate <= child.delegate',
    'parent.delegate < child.delegate',
  ],
  [
    'a dropped constraint counts as kept',
    'subsume.ts',
    'narrow === undefined ||',
    'narrow !== undefined &&',
  ],
  [
    'any tool is covered',
    'subsume.ts',
    'detail.tools.includes(tool) ||',
    'detail.tools.length > 0 ||',
  ],
  [
    'another server will do',
    'subsume.ts',
    'parent.server !== child.server',
    'parent.server === undefined',
  ],
  ['one of several values is enough', 'constraint.ts', 'child.in.every(', 'child.in.some('],
  [
    'a prefix ends anywhere',
    'constraint.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text to look for
    'value.startsWith(`${prefix}/`)',
    'value.startsWith(prefix)',
  ],
  ['dots in paths are text', 'plain-path.ts', 'if (ONLY_DOTS.test(bare)) return false;', ''],
  ['escapes in paths are text', 'plain-path.ts', 'if (ODD.test(value)) return false;', ''],
  ['full-width dots are text', 'plain-path.ts', "value.normalize('NFKC') !== value", 'false'],
  ['the lower bound is not compared', 'constraint.ts', 'min >= parent.min', 'true'],
  [
    'an open end is within a closed one',
    'constraint.ts',
    '(max !== undefined && max <= parent.max)',
    '(max === undefined || max <= parent.max)',
  ],
  [
    'a pattern covers what starts like it',
    'constraint.ts',
    "segment === '*' ||",
    "segment.includes('*') ||",
  ],
  ['a wildcard crosses segments', 'constraint.ts', 'wanted.length === found.length &&', ''],
  [
    'the schema takes negative levels',
    'details.ts',
    'if (levels < 0 || levels > MAX_DELEGATE)',
    'if (levels > MAX_DELEGATE)',
  ],
  ['a budget is left behind', 'rights.ts', '[...(parent.counters[from] ?? []), ...own]', 'own'],
  [
    'a missing argument is fine',
    'rights.ts',
    '!Object.hasOwn(args, name) ||',
    'Object.hasOwn(args, name) &&',
  ],
  ['a ceiling is decoration', 'rights.ts', 'details.push(both);', 'details.push(detail);'],
];

describe('a broken engine', () => {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sallyport-mutants-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test.each(MUTATIONS.map((mutation, index) => [mutation[0], index] as const))(
    'is noticed when %s',
    { timeout: 120_000 },
    async (_name, index) => {
      const [, file, from, to] = MUTATIONS[index]!;
      const copy = join(directory, `m${index}`);
      await cp(import.meta.dirname, copy, { recursive: true });
      const text = await readFile(join(copy, file), 'utf8');
      expect(text.split(from).length, 'the mutated text occurs once').toBe(2);
      await writeFile(
        join(copy, file),
        text.replace(from, () => to),
      );
      const load = (name: string) =>
        import(/* @vite-ignore */ pathToFileURL(join(copy, name)).href);
      const rights = (await load('rights.ts')) as typeof import('./rights.ts');
      const details = (await load('details.ts')) as typeof import('./details.ts');
      const { violations } = runChains(
        { ...rights, readDetails: details.readDetails },
        20_000,
        7,
        true,
      );
      expect(violations).not.toEqual([]);
    },
  );
});
