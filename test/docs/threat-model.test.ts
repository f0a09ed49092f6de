import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('docs/threat-model.md', root), 'utf8');

/** The rows of all tables, without their heads and rules: threat, module, test. */
const rows = text
  .split('\n')
  .filter((line) => line.startsWith('|') && !/^\|(---|\s*threat)/.test(line))
  .map((line) =>
    line
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim()),
  );

it('has rows, each with a threat, a module and a test', () => {
  expect(rows.length).toBeGreaterThan(50);
  for (const row of rows) expect(row, row[0]).toHaveLength(3);
});

it.each(rows.map((row) => [row[0], row[1]]))('%s: its module exists', (_threat, module = '') => {
  expect(module).toMatch(/^`src\/[a-z0-9./-]+`$/);
  expect(existsSync(new URL(module.slice(1, -1), root))).toBe(true);
});

it.each(rows.map((row) => [row[0], row[2]]))('%s: its test exists', (_threat, named = '') => {
  const [, file = '', title = ''] = /^`([a-z0-9./-]+\.test\.ts)`: (.+)$/.exec(named) ?? [];
  expect(file, named).not.toBe('');
  const source = readFileSync(new URL(file, root), 'utf8');
  const quoted = [`'${title}'`, `"${title}"`, `\`${title}\``];
  expect(
    quoted.some((spelling) => source.includes(spelling)),
    named,
  ).toBe(true);
});
