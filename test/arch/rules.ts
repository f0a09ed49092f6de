import { posix } from 'node:path';
import { type ImportEdge, readImports } from './read-imports.ts';
import { lineOf, maskSource } from './source-text.ts';

export interface SourceFile {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly rule: string;
  readonly path: string;
  readonly line: number;
  readonly problem: string;
}

export interface ArchTable {
  /** For each area the other areas it may import. */
  readonly layers: Readonly<Record<string, readonly string[]>>;
  /** `from -> to` beyond the layers, with the reason. */
  readonly peers: Readonly<Record<string, string>>;
  /** Areas whose `store.ts` files may import types of `store`. */
  readonly storeTypesFor: readonly string[];
  /** Folders inside an area that have an `index.ts` of their own for the areas named. */
  readonly doors: Readonly<Record<string, readonly string[]>>;
  /** Files of the pure engines that may do IO, with the reason. */
  readonly engineIo: Readonly<Record<string, string>>;
  /** Areas without IO. */
  readonly pure: readonly string[];
  /** Packages that the kernel may import. */
  readonly kernelPackages: readonly string[];
}

export const MAX_LINES = 500;

interface Parsed extends SourceFile {
  readonly area: string;
  readonly isTest: boolean;
  readonly masked: string;
  readonly imports: readonly ImportEdge[];
}

/** Everything that is wrong with the files, by the table. Pure. */
export function checkArchitecture(files: readonly SourceFile[], table: ArchTable): Violation[] {
  const parsed = files.map(parse);
  const perFile = parsed.flatMap((file) => [
    ...checkNames(file),
    ...checkLength(file),
    ...checkImports(file, table),
    ...checkWords(file),
  ]);
  return [...perFile, ...checkCycles(parsed)];
}

/** Test code: may stand on any area and on development packages, and on real time. */
export function isTestFile(path: string): boolean {
  return /\.test\.ts$|(^|\/)contract\.ts$|\/(testing|fixtures)\//.test(path);
}

function parse(file: SourceFile): Parsed {
  const masked = maskSource(file.text);
  const [top = '', second = ''] = file.path.split('/');
  const area = top === 'src' ? second : top;
  // `src/api/contract/…` and `src/api/contract.ts` are the published API, not tests.
  const isTest = isTestFile(file.path) && area !== 'api' ? true : /\.test\.ts$/.test(file.path);
  return { ...file, area, isTest, masked, imports: readImports(file.text, masked) };
}

function checkNames(file: Parsed): Violation[] {
  const names = file.path.split('/').slice(1);
  return names.flatMap((name) => {
    const base = name.replace(/(\.test)?\.ts$/, '');
    const out: Violation[] = [];
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(base))
      out.push(violation(file, 'kebab-case', 0, `${name} is not kebab-case`));
    if (/(^|-)(utils?|helpers?|common|misc|managers?|handler2)$/.test(base)) {
      out.push(
        violation(
          file,
          'forbidden-name',
          0,
          `${name} is a drawer: name it after the one thing inside`,
        ),
      );
    }
    return out;
  });
}

function checkLength(file: Parsed): Violation[] {
  const lines = countLines(file.text);
  return lines <= MAX_LINES
    ? []
    : [violation(file, 'length', 0, `${lines} lines, at most ${MAX_LINES}`)];
}

export function countLines(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}

const IO =
  /^(node:)?(fs|net|http|https|http2|tls|dgram|dns|child_process|cluster|worker_threads|inspector|sqlite|repl|vm|module)(\/|$)/;

function checkImports(file: Parsed, table: ArchTable): Violation[] {
  return file.imports.flatMap((edge) => {
    const out: Violation[] = [];
    const add = (rule: string, problem: string): void => {
      out.push({ rule, path: file.path, line: edge.line, problem });
    };
    if (edge.star) add('no-export-star', 'an index exports by name');
    const target = resolveImport(file.path, edge.specifier);
    if (target === undefined) {
      if (file.isTest) return out;
      if (
        table.pure.includes(file.area) &&
        IO.test(edge.specifier) &&
        !edge.typeOnly &&
        !Object.hasOwn(table.engineIo, file.path)
      ) {
        add('pure-engines', `${file.area} does no IO, so no ${edge.specifier}`);
      }
      const isPackage = !edge.specifier.startsWith('node:');
      if (file.area === 'kernel' && isPackage && !table.kernelPackages.includes(edge.specifier)) {
        add('kernel-packages', `the kernel does not stand on ${edge.specifier}`);
      }
      return out;
    }
    if (!/\.(ts|json|mjs)$/.test(edge.specifier))
      add('extension', `${edge.specifier} must end in .ts`);
    const [top, area = '', ...inner] = target.split('/');
    if (top !== 'src') {
      if (!file.isTest && file.area !== top) add('layers', `${edge.specifier} leaves src`);
      return out;
    }
    if (area === file.area) return out;
    const door = isDoor(table, file.area, area, inner);
    if (inner.join('/') !== 'index.ts' && !door)
      add('index-only', `${target}: only the index.ts of ${area} is public`);
    if (!file.isTest && !door && !mayImport(file, area, edge, table))
      add('layers', `${file.area} may not import ${area}`);
    return out;
  });
}

function isDoor(table: ArchTable, from: string, area: string, inner: readonly string[]): boolean {
  const name = `${area}/${(inner[0] ?? '').replace(/\.ts$/, '')}`;
  const isFront = inner.length === 1 || (inner.length === 2 && inner[1] === 'index.ts');
  return isFront && (table.doors[name]?.includes(from) ?? false);
}

function mayImport(file: Parsed, to: string, edge: ImportEdge, table: ArchTable): boolean {
  if (table.layers[file.area]?.includes(to) === true) return true;
  if (Object.hasOwn(table.peers, `${file.area} -> ${to}`)) return true;
  const isStoreFile = /(^|[/-])store\.ts$/.test(file.path);
  return to === 'store' && isStoreFile && edge.typeOnly && table.storeTypesFor.includes(file.area);
}

function resolveImport(from: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : undefined;
}

interface WordRule {
  readonly rule: string;
  readonly form: RegExp;
  readonly problem: string;
  readonly applies: (file: Parsed) => boolean;
}

const outside =
  (...areas: string[]) =>
  (file: Parsed): boolean =>
    !areas.includes(file.area);

const WORD_RULES: readonly WordRule[] = [
  {
    rule: 'static-imports',
    form: /\bgetBuiltinModule\b/g,
    problem: 'import it, so that this test sees it',
    applies: () => true,
  },
  {
    rule: 'process-env',
    form: /\bprocess\s*(\?\.)?\s*(\.\s*env\b|\[)/g,
    problem: 'only app reads the environment',
    applies: outside('app'),
  },
  {
    rule: 'process-env',
    form: /\bimport\b[^;'"]*\benv\b[^;'"]*\bfrom\s*'(?= {12}')/g,
    problem: 'only app reads the environment',
    applies: outside('app'),
  },
  {
    rule: 'injected-time',
    form: /\bDate\s*(\?\.)?\s*(\.\s*now\b|\[)/g,
    problem: 'take the time from the injected clock',
    applies: outside('kernel'),
  },
  {
    rule: 'injected-time',
    form: /\bnew\s+Date\b\s*(\(\s*\)|(?!\s*\())/g,
    problem: 'take the time from the injected clock',
    applies: outside('kernel'),
  },
  {
    rule: 'injected-random',
    form: /\bMath\s*(\?\.)?\s*(\.\s*random\b|\[)/g,
    problem: 'take randomness from the injected source',
    applies: outside('kernel'),
  },
  {
    rule: 'pool-not-fetch',
    form: /(?<![\w$.])fetch\s*\(|\bglobalThis\s*(\?\.)?\s*\.\s*fetch\b/g,
    problem: 'upstreams are reached through the pool',
    applies: (file) => file.area === 'gateway',
  },
];

function checkWords(file: Parsed): Violation[] {
  if (file.isTest) return [];
  return WORD_RULES.filter((rule) => rule.applies(file)).flatMap((rule) =>
    [...file.masked.matchAll(rule.form)].map((found) =>
      violation(file, rule.rule, found.index, rule.problem),
    ),
  );
}

/** Cycles of imports that exist at run time; each is reported once, at its first file by name. */
function checkCycles(files: readonly Parsed[]): Violation[] {
  const known = new Map(files.map((file) => [file.path, file]));
  const state = new Map<string, 'open' | 'done'>();
  const trail: string[] = [];
  const found: Violation[] = [];
  const visit = (path: string): void => {
    const file = known.get(path);
    if (file === undefined || state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      const loop = trail.slice(trail.indexOf(path));
      found.push(violation(file, 'cycle', 0, [...loop, path].join(' -> ')));
      return;
    }
    state.set(path, 'open');
    trail.push(path);
    for (const edge of file.imports) {
      const target = edge.typeOnly ? undefined : resolveImport(path, edge.specifier);
      if (target !== undefined) visit(target);
    }
    trail.pop();
    state.set(path, 'done');
  };
  for (const path of [...known.keys()].sort()) visit(path);
  return found;
}

function violation(file: Parsed, rule: string, offset: number, problem: string): Violation {
  return { rule, path: file.path, line: lineOf(file.text, offset), problem };
}
