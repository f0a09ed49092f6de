// Runs the benches: node test/bench/run.ts [NAME…] [--json] [--quick] [--strict]
// Without a name all run. --json prints one figure per line; --strict ends with 1 when a bar does not hold.
import { parseArgs } from 'node:util';
import type { Bench, Figure } from './model.ts';

const BENCHES: Record<string, () => Promise<{ run: Bench }>> = {
  audit: () => import('./audit.ts'),
  auth: () => import('./auth.ts'),
  gateway: () => import('./gateway.ts'),
  policy: () => import('./policy.ts'),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
  },
});
const unknown = positionals.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  const names = Object.keys(BENCHES).join(', ');
  process.stderr.write(`There is no bench called ${unknown.join(', ')}. There are: ${names}\n`);
  process.exit(2);
}
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const number = (value: number): string =>
  value.toLocaleString('en-US', { maximumSignificantDigits: 4, useGrouping: true });

function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.name,
    number(figure.value),
    figure.unit,
    figure.bar ?? '',
    figure.holds === undefined ? '' : figure.holds ? 'holds' : 'MISSED',
  ]);
  const widths = [0, 1, 2, 3].map((at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, at) =>
          at === 1 ? cell.padStart(widths[1] ?? 0) : cell.padEnd(widths[at] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

let missed = 0;
for (const name of positionals.length > 0 ? positionals : Object.keys(BENCHES)) {
  const figures: Figure[] = [];
  say(`bench ${name}`);
  const { run } = (await BENCHES[name]?.()) ?? { run: async () => {} };
  await run(
    (figure) => {
      figures.push(figure);
      if (figure.holds === false) missed++;
      if (values.json)
        process.stdout.write(`${JSON.stringify({ bar: null, holds: null, ...figure })}\n`);
    },
    (line) => say(`  ${line}`),
    { quick: values.quick },
  );
  if (!values.json && figures.length > 0) process.stdout.write(`${table(figures)}\n`);
}
if (missed > 0) say(`${missed} bar(s) missed`);
process.exitCode = values.strict && missed > 0 ? 1 : 0;
