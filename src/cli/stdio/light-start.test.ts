import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const SRC = join(import.meta.dirname, '../..');

/** What a file brings along at run time: static imports that are not types alone. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/^(?:import|export)\s+(?!type\b)([^;]*?)from\s+'([^']+)'/gms)]
    .filter(([, names = '']) => !/^\{(?:\s*type\s[^,}]*,?)+\s*\}\s*$/.test(names))
    .map(([, , specifier = '']) => specifier);
}

test('the stdio shim starts with built-in modules, its own files and the clock', () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const queue = [join(SRC, 'app/main.ts'), join(SRC, 'cli/stdio/run-shim.ts')];
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('node:')) continue;
      if (specifier.startsWith('.')) queue.push(join(dirname(file), specifier));
      else packages.add(specifier);
    }
  }
  const beyond = [...seen]
    .map((file) => relative(SRC, file))
    .filter((file) => !file.startsWith('cli/stdio/'))
    .sort();
  expect([...packages]).toEqual([]);
  expect(beyond).toEqual(['app/data-paths.ts', 'app/main.ts', 'cli/index.ts', 'kernel/clock.ts']);
});
