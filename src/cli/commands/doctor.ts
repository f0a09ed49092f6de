import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { safeText } from '../output/safe-text.ts';

/** Exit code 1 when a check fails; warnings leave it at 0. */
export function addDoctor(program: Command, context: CliContext): void {
  const command = program
    .command('doctor')
    .summary('check this installation, with the command that repairs each finding');
  context.action(command, async ({ options, ports, terminal }) => {
    const lines = await ports.runDoctor({ dataDir: options.dataDir, config: options.config });
    const failed = lines.filter(({ status }) => status === 'fail').length;
    if (terminal.machine) {
      terminal.json({ ok: failed === 0, checks: lines });
      return failed === 0 ? 0 : 1;
    }
    const { color } = terminal;
    const marks = { ok: color.green('ok  '), warn: color.yellow('warn'), fail: color.red('fail') };
    for (const { check, status, message, fix } of lines) {
      terminal.line(`${marks[status]}  ${check.padEnd(18)}  ${safeText(message, 500)}`);
      if (fix !== undefined)
        terminal.line(`      ${''.padEnd(18)}  ${color.dim('fix:')} ${safeText(fix, 500)}`);
    }
    return failed === 0 ? 0 : 1;
  });
}
