import type { Command } from 'commander';
import { AppError } from '../../../kernel/index.ts';
import type { CliContext } from '../../context.ts';
import { editConfig } from '../../edit-config.ts';
import { reloadAndWait } from './reload.ts';

const CHANGES = {
  remove: { summary: 'take a server out of the configuration', done: 'removed' },
  enable: { summary: 'serve a server again', done: 'enabled' },
  disable: { summary: 'keep the entry and serve nothing; running calls end', done: 'disabled' },
} as const;

export function addServerChange(
  noun: Command,
  context: CliContext,
  verb: keyof typeof CHANGES,
): void {
  const { summary, done } = CHANGES[verb];
  const command = noun.command(verb).summary(summary).argument('<name>', 'name of the server');
  context.action(command, async (run, name = '') => {
    const edit = await editConfig(run, (document) => {
      if (!document.hasIn(['servers', name]))
        throw new AppError('CLI_SERVER_UNKNOWN', { params: { name } });
      if (verb === 'remove') document.deleteIn(['servers', name]);
      else if (verb === 'disable') document.setIn(['servers', name, 'enabled'], false);
      else document.deleteIn(['servers', name, 'enabled']);
    });
    const outcome = await reloadAndWait(
      run,
      `server ${verb} ${name}`,
      verb === 'enable' ? name : undefined,
    );
    if (run.terminal.machine)
      run.terminal.json({
        [done]: name,
        ...edit,
        backup: edit.backup ?? null,
        running: outcome.running,
      });
    else
      run.terminal.line(
        `${done} ${name} in ${edit.file}${outcome.running ? '; the running gateway follows' : ''}`,
      );
    return outcome.state === 'failed' ? 1 : 0;
  });
}
