import type { Command } from 'commander';
import { openApi } from '../api-access.ts';
import type { CliContext } from '../context.ts';

interface LoginOptions {
  readonly user?: string;
  readonly reason?: string;
}

export function addLogin(program: Command, context: CliContext): void {
  const command = program
    .command('login')
    .summary('a one-time link to the status page; its code also signs in on consent pages')
    .option('--user <name>', 'who signs in')
    .option('--reason <text>', 'why; stands in the audit record');
  context.action<LoginOptions>(command, async (run) => {
    const { options, terminal } = run;
    const made = await (await openApi(run)).call('login.create', {
      body: {
        reason: options.reason ?? 'asked for on the command line',
        ...(options.user === undefined ? {} : { user: options.user }),
      },
    });
    if (terminal.machine) terminal.json(made);
    else {
      terminal.line(made.url);
      terminal.note(
        `works once, for ${made.expiresInSeconds / 60} minutes; the code alone: ${made.code}`,
      );
    }
    return 0;
  });
}
