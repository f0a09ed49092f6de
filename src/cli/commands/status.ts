import type { Command } from 'commander';
import { openApi } from '../api-access.ts';
import type { CliContext } from '../context.ts';

export function addStatus(program: Command, context: CliContext): void {
  const command = program.command('status').summary('whether a gateway runs, and how it is');
  context.action(command, async (run) => {
    const status = await (await openApi(run)).call('status.get', {});
    const { terminal } = run;
    if (terminal.machine) {
      terminal.json(status);
      return status.ready ? 0 : 1;
    }
    terminal.line(
      `${status.ready ? 'ready' : terminal.color.red('NOT READY: the audit log takes no records')}  ${status.mcpUrl}`,
    );
    terminal.line(
      `${status.servers} servers, ${status.agents} agents, ${status.edge.sessions} sessions, ${status.edge.calls} open calls`,
    );
    terminal.line(
      `policy ${status.policyVersion} (${status.policyMode}), audit record ${status.audit.head.seq}`,
    );
    return status.ready ? 0 : 1;
  });
}
