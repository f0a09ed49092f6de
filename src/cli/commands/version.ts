import type { Command } from 'commander';
import { askRunning } from '../api-access.ts';
import type { CliContext } from '../context.ts';

export function addVersion(program: Command, context: CliContext): void {
  const command = program.command('version').summary('version of this command and of the gateway');
  context.action(command, async (run) => {
    const status = await askRunning(run, (api) => api.call('status.get', {})).catch(
      () => undefined,
    );
    const { version } = run.ports;
    if (run.terminal.machine)
      run.terminal.json({ version, gateway: status?.version ?? null, node: process.version });
    else {
      run.terminal.line(`sallyport ${version}`);
      if (status !== undefined) run.terminal.line(`gateway ${status.version} at ${status.mcpUrl}`);
    }
    return 0;
  });
}
