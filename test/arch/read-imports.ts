import { lineOf } from './source-text.ts';

export interface ImportEdge {
  readonly specifier: string;
  readonly line: number;
  /** Nothing of it exists at run time. */
  readonly typeOnly: boolean;
  /** `export * from`, which hides what an area publishes. */
  readonly star: boolean;
  readonly clause: string;
}

/** All import and re-export statements, `import()` and `require()` calls, `import()` types of a file. */
export function readImports(text: string, masked: string): ImportEdge[] {
  const edges: ImportEdge[] = [];
  const add = (keyword: number, quote: number, clause: string, typeOnly: boolean): void => {
    const end = masked.indexOf(masked.charAt(quote), quote + 1);
    const specifier = text.slice(quote + 1, end);
    edges.push({
      specifier,
      line: lineOf(text, keyword),
      typeOnly,
      star: /^\s*\*/.test(clause) && text.startsWith('export', keyword),
      clause,
    });
  };
  for (const found of masked.matchAll(
    /(?<![\w$.])(import|export)\b([^'"`;=()]*?)(?<=\bfrom\s*|\bimport\s*)(['"])/g,
  )) {
    const clause = found[2] ?? '';
    add(found.index, found.index + found[0].length - 1, clause, isTypeOnly(clause));
  }
  for (const found of masked.matchAll(/(?<![\w$.])import\s*\(\s*(['"`])/g)) {
    const before = masked.slice(Math.max(0, found.index - 20), found.index);
    const atRunTime = /(\bawait|\breturn|=>|\(|,)\s*$/.test(before) && !/\btypeof\s*$/.test(before);
    add(found.index, found.index + found[0].length - 1, '', !atRunTime);
  }
  // `createRequire` gives a function that is called `require` by custom.
  for (const found of masked.matchAll(
    /(?<![\w$.])(?:require|createRequire\s*\([^()]*\))\s*\(\s*(['"`])/g,
  )) {
    add(found.index, found.index + found[0].length - 1, '', false);
  }
  return edges;
}

function isTypeOnly(clause: string): boolean {
  if (/^\s*type\b(?!\s*(,|from\b))/.test(clause)) return true;
  const names = /^\s*\{([^}]*)\}\s*from\s*$/.exec(clause)?.[1];
  if (names === undefined) return false;
  const items = names
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  return items.length > 0 && items.every((item) => item.startsWith('type '));
}
