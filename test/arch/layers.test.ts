import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type ArchTable,
  checkArchitecture,
  countLines,
  isTestFile,
  type SourceFile,
} from './rules.ts';

/** The layer table of ARCHITECTURE.md. `from: [to, …]`; each edge goes to the `index.ts` of the target. */
const BELOW_FACES = [
  'kernel',
  'policy',
  'identity',
  'audit',
  'discover',
  'gateway',
  'store',
  'bus',
];
const TABLE: ArchTable = {
  layers: {
    kernel: [],
    policy: ['kernel'],
    identity: ['kernel', 'policy'],
    audit: ['kernel', 'policy'],
    discover: ['kernel', 'policy'],
    gateway: ['kernel', 'policy', 'identity', 'audit'],
    store: ['kernel'],
    bus: ['kernel'],
    api: BELOW_FACES,
    // `cli` knows `api` by its index (contract and client), and starts the server through `app`'s hand-over.
    cli: [...BELOW_FACES, 'api'],
    app: [...BELOW_FACES, 'api', 'cli'],
  },
  peers: {},
  storeTypesFor: ['identity', 'audit', 'discover'],
  doors: {
    'api/contract': ['cli', 'console', 'sdk'],
    // The stdio shim starts with the clock alone: the rest of the kernel costs a third of a second.
    'kernel/clock': ['cli', 'app'],
  },
  pure: ['policy'],
  engineIo: {
    'src/policy/host/create-cedar-host.ts':
      'runs the reference evaluator in a worker, apart from the calling thread',
    'src/policy/host/cedar-worker.ts': 'is that worker',
    'src/policy/host/create-fallback.ts':
      'loads the reference evaluator, a WebAssembly module without IO, when it is first needed',
    'src/policy/loader/watch-directory.ts':
      'the other half: tells that the policy directory changed',
    'src/policy/loader/read-directory.ts':
      'reads the policy files; everything after it takes texts',
    'src/policy/arguments/url-view.ts': 'takes isIP of node:net, which is a pure function',
  },
  kernelPackages: ['zod', 'pino', 'yaml'],
};

const root = join(import.meta.dirname, '../..');
const files: SourceFile[] = globSync(['src/**/*.ts', 'sdk/src/**/*.ts'], { cwd: root })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => !/\/(node_modules|generated)\//.test(path))
  .sort()
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

describe('the house', () => {
  test('keeps its layers and rules', () => {
    const found = checkArchitecture(files, TABLE).map(
      (v) => `${v.path}:${v.line} [${v.rule}] ${v.problem}`,
    );
    expect(found).toEqual([]);
  });

  test('has files that a person reads in one go', () => {
    const lengths = files.map((file) => countLines(file.text)).sort((a, b) => a - b);
    const at = (share: number): number => lengths[Math.floor((lengths.length - 1) * share)] ?? 0;
    console.log(
      `${files.length} source files, lines: median ${at(0.5)}, p90 ${at(0.9)}, longest ${at(1)}`,
    );
    expect(at(0.5)).toBeLessThanOrEqual(110);
    expect(at(0.9)).toBeLessThanOrEqual(300);
  });

  test('is read without losing the thread: a violation at the end of any file is found', () => {
    const bare = files.filter(
      (file) => !file.path.startsWith('src/app/') && !file.path.includes('.test.'),
    );
    const planted = bare.map((file) => ({ ...file, text: `${file.text}\nprocess.env.HOME;\n` }));
    const found = new Set(
      checkArchitecture(planted, TABLE)
        .filter((v) => v.rule === 'process-env')
        .map((v) => v.path),
    );
    expect(
      bare
        .filter((file) => !found.has(file.path) && !isTestFile(file.path))
        .map((file) => file.path),
    ).toEqual([]);
  });

  test('names in its exception tables only files and edges that exist and are used', () => {
    for (const path of Object.keys(TABLE.engineIo)) {
      expect(
        checkArchitecture(files, { ...TABLE, engineIo: {} }).some((v) => v.path === path),
        path,
      ).toBe(true);
    }
    for (const edge of Object.keys(TABLE.peers)) {
      const peers = Object.fromEntries(
        Object.entries(TABLE.peers).filter(([name]) => name !== edge),
      );
      expect(checkArchitecture(files, { ...TABLE, peers }).length, edge).toBeGreaterThan(0);
    }
  });
});

describe('a planted violation is found:', () => {
  const rulesOf = (...planted: [string, string][]): string[] =>
    checkArchitecture(
      planted.map(([path, text]) => ({ path, text })),
      TABLE,
    ).map((v) => v.rule);

  const cases: [what: string, path: string, text: string, rule: string][] = [
    [
      'an engine that imports a service',
      'src/policy/x.ts',
      "import { a } from '../identity/index.ts';",
      'layers',
    ],
    [
      'a service that imports a peer',
      'src/audit/x.ts',
      "import { a } from '../identity/index.ts';",
      'layers',
    ],
    [
      'a service that imports the gateway by type',
      'src/audit/x.ts',
      "import type { A } from '../gateway/index.ts';",
      'layers',
    ],
    [
      'a driver that imports a service',
      'src/store/x.ts',
      "export { a } from '../audit/index.ts';",
      'layers',
    ],
    [
      'a face imported from below',
      'src/gateway/x.ts',
      "const a = await import('../api/index.ts');",
      'layers',
    ],
    ['cli that imports app', 'src/cli/x.ts', "import '../app/index.ts';", 'layers'],
    [
      'a store value in a service',
      'src/identity/store.ts',
      "import { createSqliteDb } from '../store/index.ts';",
      'layers',
    ],
    [
      'the store type outside of store.ts',
      'src/identity/service.ts',
      "import type { Db } from '../store/index.ts';",
      'layers',
    ],
    [
      'an import past the index',
      'src/gateway/a/x.ts',
      "import { a } from '../../audit/chain.ts';",
      'index-only',
    ],
    [
      'an import past the index in a test',
      'src/gateway/x.test.ts',
      "import { a } from '../audit/chain.ts';",
      'index-only',
    ],
    [
      'an area that nobody listed',
      'src/newcomer/x.ts',
      "import { a } from '../kernel/index.ts';",
      'layers',
    ],
    [
      'a multi-line import',
      'src/policy/x.ts',
      "import {\n  a,\n  b,\n} from '../audit/index.ts';",
      'layers',
    ],
    ['code outside of src', 'src/api/x.ts', "import { a } from '../../scripts/x.ts';", 'layers'],
    [
      'sdk that imports the server',
      'sdk/src/x.ts',
      "import { a } from '../../src/kernel/index.ts';",
      'layers',
    ],
    [
      'the file system in an engine',
      'src/policy/x.ts',
      "import { readFileSync } from 'node:fs';",
      'pure-engines',
    ],
    [
      'the old name of a network module in an engine',
      'src/policy/x.ts',
      "import net from 'net';",
      'pure-engines',
    ],
    [
      'file promises in an engine',
      'src/policy/x.ts',
      "import { readFile } from 'node:fs/promises';",
      'pure-engines',
    ],
    [
      'a late import of a child process in an engine',
      'src/policy/x.ts',
      "const c = await import('node:child_process');",
      'pure-engines',
    ],
    [
      'a required child process in an engine',
      'src/policy/x.ts',
      "const c = require('node:child_process');",
      'pure-engines',
    ],
    [
      'a required file system without a name in between',
      'src/policy/x.ts',
      "const fs = createRequire(import.meta.url)('node:fs');",
      'pure-engines',
    ],
    [
      'a builtin behind the back of imports',
      'src/api/x.ts',
      "const fs = process.getBuiltinModule('node:fs');",
      'static-imports',
    ],
    [
      'a package in the kernel',
      'src/kernel/x.ts',
      "import { Hono } from 'hono';",
      'kernel-packages',
    ],
    ['the environment', 'src/api/x.ts', 'const home = process.env.HOME;', 'process-env'],
    ['the environment by brackets', 'src/api/x.ts', "const home = process['env'];", 'process-env'],
    [
      'the environment by import',
      'src/api/x.ts',
      "import { env } from 'node:process';",
      'process-env',
    ],
    [
      'the environment inside a template',
      'src/api/x.ts',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: planted source
      'const a = `x ${process.env.HOME} y`;',
      'process-env',
    ],
    ['the clock', 'src/api/x.ts', 'const t = Date.now();', 'injected-time'],
    ['the clock by a new date', 'src/api/x.ts', 'const t = new Date();', 'injected-time'],
    [
      'the clock by a new date without brackets',
      'src/api/x.ts',
      'const t = new Date;',
      'injected-time',
    ],
    ['randomness', 'src/api/x.ts', 'const r = Math.random();', 'injected-random'],
    [
      'fetch in the gateway',
      'src/gateway/upstream/x.ts',
      "const r = await fetch('http://x');",
      'pool-not-fetch',
    ],
    [
      'global fetch in the gateway',
      'src/gateway/x.ts',
      'const f = globalThis.fetch;',
      'pool-not-fetch',
    ],
    [
      'an index that exports everything',
      'src/audit/index.ts',
      "export * from './chain.ts';",
      'no-export-star',
    ],
    [
      'a relative import without .ts',
      'src/audit/x.ts',
      "import { a } from './chain.js';",
      'extension',
    ],
    ['a long file', 'src/audit/x.ts', '\n'.repeat(501), 'length'],
    ['a camel-case file', 'src/audit/myFile.ts', '', 'kebab-case'],
    ['a drawer', 'src/audit/utils.ts', '', 'forbidden-name'],
    ['a drawer as a folder', 'src/audit/helpers/x.ts', '', 'forbidden-name'],
    ['a drawer with a first name', 'src/audit/session-manager.ts', '', 'forbidden-name'],
  ];
  test.each(cases)('%s', (_what, path, text, rule) => {
    expect(rulesOf([path, text])).toEqual([rule]);
  });

  test('a cycle at run time, but not one of types', () => {
    const a = "import { b } from './b.ts';";
    expect(
      rulesOf(['src/audit/a.ts', a], ['src/audit/b.ts', "import { a } from './a.ts';"]),
    ).toEqual(['cycle']);
    expect(
      rulesOf(
        ['src/audit/a.ts', a],
        ['src/audit/b.ts', "export { a } from './c/d.ts';"],
        ['src/audit/c/d.ts', "import '../a.ts';"],
      ),
    ).toEqual(['cycle']);
    for (const back of [
      "import type { A } from './a.ts';",
      "import { type A, type B } from './a.ts';",
      "type A = import('./a.ts').A;",
      "// import { a } from './a.ts';",
    ]) {
      expect(rulesOf(['src/audit/a.ts', a], ['src/audit/b.ts', back]), back).toEqual([]);
    }
  });
});

describe('what is allowed is left alone:', () => {
  const cases: [string, string, string][] = [
    [
      'words in comments and strings',
      'src/api/x.ts',
      "// process.env, Date.now()\n/* Math.random() */ const a = 'process.env'; const b = `new Date()`;",
    ],
    [
      'quotes in regular expressions',
      'src/api/x.ts',
      "const a = /['\"/]/.test(b) ? 1 / 2 : c / d; // process.env\nconst e = 'Date.now()';",
    ],
    [
      'nested templates',
      'src/api/x.ts',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: planted source
      'const a = `${b ? `process.env ${c}` : `{${d}}`} Date.now()`;',
    ],
    ['a date of a given time', 'src/api/x.ts', 'const a = new Date(time);'],
    ['time in the kernel', 'src/kernel/clock.ts', 'const a = Date.now();'],
    ['the environment in app', 'src/app/main.ts', 'const a = process.env;'],
    ['other parts of process', 'src/api/x.ts', 'const a = process.platform;'],
    [
      'the store type in a store.ts',
      'src/identity/store.ts',
      "import type { Db } from '../store/index.ts';",
    ],
    [
      'folders of one area among themselves',
      'src/gateway/pipeline/x.ts',
      "import { a } from '../upstream/pool.ts';",
    ],
    ['a method called fetch', 'src/gateway/x.ts', 'const r = await app.fetch(request);'],
    ['IO types in an engine', 'src/policy/x.ts', "import type { Stats } from 'node:fs';"],
    [
      'tests that stand on several areas',
      'src/audit/x.test.ts',
      "import { a } from '../store/index.ts'; const t = Date.now();",
    ],
  ];
  test.each(cases)('%s', (_what, path, text) => {
    expect(checkArchitecture([{ path, text }], TABLE)).toEqual([]);
  });
});
