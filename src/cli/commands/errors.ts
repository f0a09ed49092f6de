import type { Command } from 'commander';
import { AppError, ERROR_TABLE } from '../../kernel/index.ts';
import type { CliContext } from '../context.ts';

/** The stable codes, so that `sallyport errors CODE` explains what a log or a script shows. */
export function addErrors(program: Command, context: CliContext): void {
  const command = program
    .command('errors')
    .summary('what an error code means')
    .argument('[code]', 'for example POLICY_INVALID');
  context.action(command, async ({ terminal }, code) => {
    const rows = Object.entries(ERROR_TABLE)
      .filter(([name]) => code === undefined || name === code.toUpperCase())
      .map(([name, row]) => ({ code: name, ...row, hint: row.hint ?? null }));
    if (rows.length === 0)
      throw new AppError('CLI_USAGE', {
        params: {
          problem: 'there is no such error code',
          hint: '`sallyport errors` lists them all',
        },
      });
    if (terminal.machine) terminal.json({ errors: rows });
    else if (code === undefined)
      terminal.table(
        ['CODE', 'EXIT', 'MESSAGE'],
        rows.map((row) => [row.code, String(row.exit), row.message]),
      );
    else
      for (const row of rows) {
        terminal.line(`${row.code}  (exit code ${row.exit}, HTTP ${row.status})`);
        terminal.line(row.message);
        if (row.hint !== null) terminal.line(`what to do: ${row.hint}`);
      }
    return 0;
  });
}
