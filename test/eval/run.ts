// Runs the evaluations, which measure how often the product is right, where the benches measure how fast it is:
//   node test/eval/run.ts [NAME…] [--data DIR] [--json] [--strict]
// Without a name all run. --json prints one score per line; --strict ends with 1 when a bar does not hold.
import { parseArgs } from 'node:util';
import type { Evaluation } from './model.ts';

/** Name -> module. Register an evaluation here when its detector exists. */
const EVALUATIONS: Record<string, () => Promise<{ run: Evaluation }>> = {};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    json: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
  },
});
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const names = Object.keys(EVALUATIONS);
const unknown = positionals.filter((name) => !Object.hasOwn(EVALUATIONS, name));
if (unknown.length > 0) {
  say(
    `There is no evaluation called ${unknown.join(', ')}. There are: ${names.join(', ') || 'none yet'}`,
  );
  process.exit(2);
}
if (names.length === 0) {
  say('No evaluation is registered yet: nothing was measured, and nothing is claimed.');
}

let missed = 0;
for (const name of positionals.length > 0 ? positionals : names) {
  say(`evaluation ${name}`);
  const evaluation = await EVALUATIONS[name]?.();
  await evaluation?.run(
    (score) => {
      if (score.holds === false) missed++;
      const interval = score.interval === undefined ? '' : ` ± ${score.interval}`;
      const bar =
        score.bar === undefined ? '' : `, bar ${score.bar} ${score.holds ? 'holds' : 'MISSED'}`;
      process.stdout.write(
        values.json
          ? `${JSON.stringify(score)}\n`
          : `${score.name}: ${score.value}${interval} ${score.unit}${bar}\n`,
      );
    },
    (line) => say(`  ${line}`),
    { data: values.data },
  );
}
process.exitCode = values.strict && missed > 0 ? 1 : 0;
