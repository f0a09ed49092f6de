// Runs the official conformance suite directly against the reference server and through the gateway, in every pairing
// of eras, and the gateway's upstream client against the suite's servers. Usage:
//   node test/conformance/run.ts [--json] [--legs server,client]
import { parseArgs } from 'node:util';
import { readExpectedFailures } from './expected-failures.ts';
import { runClientLegs, runServerLegs } from './legs.ts';
import { suiteVersion } from './suite.ts';
import { judge, type LegVerdict } from './verdict.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    legs: { type: 'string', default: 'server,client' },
  },
});
const wanted = new Set(values.legs.split(','));
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const expected = await readExpectedFailures(new URL('./expected-failures.yaml', import.meta.url));
const legs = [
  ...(wanted.has('server') ? await runServerLegs(say) : []),
  ...(wanted.has('client') ? await runClientLegs(say) : []),
];
const verdicts = legs.map((leg) => judge(leg, expected));
const direct = new Map(
  verdicts.filter(({ leg }) => leg.startsWith('direct ')).map((each) => [each.leg.slice(7), each]),
);
const sum = (count: (verdict: LegVerdict) => number): number =>
  verdicts.reduce((total, verdict) => total + count(verdict), 0);

if (values.json) {
  for (const verdict of verdicts) print(JSON.stringify(verdict));
} else {
  const cells = verdicts.map((verdict) => {
    const revision = verdict.leg.split(' ')[1] ?? '';
    const base = verdict.leg.startsWith('client ') ? undefined : direct.get(revision);
    return [
      verdict.leg,
      base === undefined ? '-' : `${base.passed.length}/${base.required}`,
      `${verdict.passed.length}/${verdict.required - verdict.skipped.length}`,
      `${verdict.checks.passed}/${verdict.checks.passed + verdict.checks.failed}`,
      `${verdict.unscored.passed.length}/${verdict.unscored.passed.length + verdict.unscored.failed.length}`,
    ];
  });
  const head = ['leg', 'direct', 'here', 'checks', 'not scored'];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  print(`@modelcontextprotocol/conformance ${await suiteVersion()}: required scenarios`);
  for (const row of [head, ...cells]) {
    print(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
  for (const verdict of verdicts) {
    for (const { scenario, reason } of verdict.expected) {
      print(`expected: ${verdict.leg} ${scenario}: ${reason}`);
    }
    for (const { scenario, words } of verdict.failed) {
      print(`FAILED: ${verdict.leg} ${scenario}\n${words.replaceAll(/^/gm, '    ')}`);
    }
    const reasons = new Map<string, number>();
    for (const { reason } of verdict.skipped) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    for (const [reason, count] of reasons) print(`skipped: ${verdict.leg}: ${count}, ${reason}`);
  }
}
const failed = sum((verdict) => verdict.failed.length);
const skipped = sum((verdict) => verdict.skipped.length + verdict.expected.length);
const summary = `${sum((verdict) => verdict.passed.length)} passed, ${failed} failed, ${skipped} skipped`;
if (values.json) say(summary);
else print(summary);
process.exitCode = failed > 0 ? 1 : 0;
