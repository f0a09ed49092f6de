import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readImports } from './read-imports.ts';
import { isTestFile } from './rules.ts';
import { maskSource } from './source-text.ts';

/** Every runtime dependency with its reason. A new one is a reviewed line here. */
const DEPENDENCIES: Readonly<Record<string, string>> = {
  '@cedar-policy/cedar-wasm': 'reference evaluator and validator of the policy language',
  '@cedar-policy/mcp-schema-generator-wasm':
    'turns tool descriptions into a policy schema as the standard tool does',
  '@clack/prompts': 'questions in the terminal',
  '@hono/node-server': 'runs the admin API on node:http',
  commander: 'command line parsing; no dependencies',
  diff: 'shows what changed in a tool description or a client configuration',
  hono: 'router of the admin API; testable without a port; no dependencies',
  jose: 'JOSE on WebCrypto; no dependencies',
  'jsonc-parser': 'edits client configurations in place and keeps their comments',
  oauth4webapi:
    'the OAuth client towards MCP servers: discovery, PKCE, DPoP, issuer checks; no dependencies',
  picocolors: 'terminal colours; no dependencies',
  pino: 'JSON log lines to standard error',
  'smol-toml': 'reads client configurations in TOML; no dependencies',
  undici: 'connection pool to upstreams with control over sockets and redirects',
  yaml: 'configuration with positions for messages; no dependencies',
  zod: 'one schema for types, checks, JSON Schema and reference; no dependencies',
};

const MAX_CLOSURE = 50;

interface LockEntry {
  readonly version?: string;
  readonly license?: string;
  readonly hasInstallScript?: boolean;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
type Packages = Readonly<Record<string, LockEntry>>;

const root = join(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Packages;
};

/** What `npm install sallyport` brings: places in `node_modules`, found as Node would find them. */
function closure(packages: Packages, direct: readonly string[]): Map<string, LockEntry> {
  const found = new Map<string, LockEntry>();
  const queue = direct.map((name) => ({ name, from: '' }));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const place = find(packages, next.name, next.from);
    const entry = place === undefined ? undefined : packages[place];
    if (place === undefined || entry === undefined || found.has(place)) continue;
    found.set(place, entry);
    const inner = { ...entry.dependencies, ...entry.optionalDependencies };
    for (const name of Object.keys(inner)) queue.push({ name, from: place });
  }
  return found;
}

function find(packages: Packages, name: string, from: string): string | undefined {
  let folder = from;
  for (;;) {
    const place = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (Object.hasOwn(packages, place)) return place;
    if (folder === '') return undefined;
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')));
  }
}

function problems(found: ReadonlyMap<string, LockEntry>): string[] {
  const out = [...found].flatMap(([place, entry]) => {
    const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const licence = entry.license ?? 'unknown';
    return [
      ...(entry.hasInstallScript === true ? [`${name} runs a script when it is installed`] : []),
      ...(/GPL|unknown|SSPL|BUSL/i.test(licence) ? [`${name} has the licence ${licence}`] : []),
    ];
  });
  if (found.size > MAX_CLOSURE) out.push(`${found.size} packages, at most ${MAX_CLOSURE}`);
  return out;
}

describe('runtime dependencies', () => {
  const found = closure(lock.packages, Object.keys(manifest.dependencies));

  test('are exactly the listed ones', () => {
    expect(Object.keys(manifest.dependencies).sort()).toEqual(Object.keys(DEPENDENCIES).sort());
  });

  test('are all that the program imports', () => {
    const used = new Set<string>();
    for (const path of globSync('src/**/*.ts', { cwd: root })) {
      if (isTestFile(path)) continue;
      const text = readFileSync(join(root, path), 'utf8');
      for (const { specifier, typeOnly } of readImports(text, maskSource(text))) {
        if (/^(\.|node:)/.test(specifier)) continue;
        const name = /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
        if (!typeOnly) used.add(name);
        expect(Object.hasOwn(DEPENDENCIES, name), `${path} imports ${name}`).toBe(true);
      }
    }
    const idle = Object.keys(DEPENDENCIES).filter((name) => !used.has(name));
    if (idle.length > 0) console.log(`listed but not imported yet: ${idle.join(', ')}`);
  });

  test('are all in the lock file', () => {
    for (const name of Object.keys(manifest.dependencies))
      expect(found.has(`node_modules/${name}`), name).toBe(true);
  });

  test('bring few packages, no install scripts and no copyleft licences', () => {
    const list = [...found]
      .map(
        ([place, entry]) =>
          `${place.replace(/^node_modules\//, '')} ${entry.version} ${entry.license}`,
      )
      .sort();
    console.log(`${list.length} packages at run time:\n  ${list.join('\n  ')}`);
    expect(problems(found)).toEqual([]);
  });
});

describe('a planted package is found:', () => {
  const packages: Packages = {
    'node_modules/a': {
      license: 'MIT',
      dependencies: { b: '1' },
      optionalDependencies: { '@s/c': '1' },
    },
    'node_modules/a/node_modules/b': {
      license: 'MIT',
      hasInstallScript: true,
      dependencies: { d: '1' },
    },
    'node_modules/b': { license: 'GPL-3.0' },
    'node_modules/@s/c': { license: 'LGPL-3.0-only' },
    'node_modules/d': {},
  };

  test('nested before hoisted, optional, scoped and two steps away', () => {
    const found = closure(packages, ['a']);
    expect([...found.keys()].sort()).toEqual([
      'node_modules/@s/c',
      'node_modules/a',
      'node_modules/a/node_modules/b',
      'node_modules/d',
    ]);
    expect(problems(found).sort()).toEqual([
      '@s/c has the licence LGPL-3.0-only',
      'b runs a script when it is installed',
      'd has the licence unknown',
    ]);
  });

  test('too many of them', () => {
    const many = Object.fromEntries(
      Array.from({ length: 51 }, (_, i) => [`node_modules/p${i}`, { license: 'MIT' }]),
    );
    expect(problems(new Map(Object.entries(many)))).toEqual(['51 packages, at most 50']);
  });
});
