import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { type CliContext, usage } from '../../context.ts';
import { safeText } from '../../output/safe-text.ts';
import { policyDirectory } from './check.ts';

interface TestOptions {
  readonly format?: string;
  readonly output?: string;
}

/** Exit code 3 when a test fails, 1 when there is none. */
export function addPolicyTest(noun: Command, context: CliContext): void {
  const command = noun
    .command('test')
    .summary('run the *.policytest.yaml files')
    .argument('[dir]', 'directory to search; by default the policy directory')
    .option('--format <name>', 'text, json or junit', 'text')
    .option('--output <file>', 'write the report there instead of standard output');
  context.action<TestOptions>(command, async (run, dir) => {
    const { options, terminal, ports } = run;
    const format = terminal.machine ? 'json' : (options.format ?? 'text');
    if (!['text', 'json', 'junit'].includes(format))
      throw usage(`--format ${format} is unknown`, 'use text, json or junit');
    const { junitXml, runPolicyTests } = await import('../../../policy/index.ts');
    const result = await runPolicyTests(await policyDirectory(run, dir), { clock: ports.clock });
    const report =
      format === 'junit'
        ? junitXml(result)
        : format === 'json'
          ? `${JSON.stringify(result)}\n`
          : '';
    if (options.output !== undefined && format !== 'text')
      await writeFile(options.output, report, { mode: 0o644 });
    else if (format !== 'text') ports.stdout.write(report);
    if (format === 'text') {
      for (const file of result.files) {
        const mark = file.passed ? terminal.color.green('ok') : terminal.color.red('FAILED');
        terminal.line(`${mark}  ${file.file}  ${file.cases.length} cases`);
        for (const problem of file.problems) terminal.line(`    ${safeText(problem, 1_000)}`);
        for (const one of file.cases.filter(({ passed }) => !passed)) {
          terminal.line(`    ${terminal.color.red('failed')} ${safeText(one.name)}`);
          for (const failure of one.failures) terminal.line(`      ${safeText(failure, 1_000)}`);
        }
      }
      terminal.line(`${result.total - result.failed} of ${result.total} passed`);
    }
    if (result.files.length === 0) {
      terminal.note('there is no *.policytest.yaml file here');
      return 1;
    }
    return result.passed ? 0 : 3;
  });
}
