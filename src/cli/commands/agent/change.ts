import type { Command } from 'commander';
import { AppError } from '../../../kernel/index.ts';
import { openApi } from '../../api-access.ts';
import type { CliContext } from '../../context.ts';

const CHANGES = {
  activate: { to: 'active', summary: 'put an agent into service' },
  suspend: { to: 'suspended', summary: 'stop an agent for now; its open calls are cut' },
  quarantine: { to: 'quarantined', summary: 'stop an agent after an incident' },
  release: { to: 'suspended', summary: 'end a quarantine; activate puts it into service again' },
  retire: { to: 'retired', summary: 'end an agent for good; its name is not given again' },
} as const;

interface Why {
  readonly reason?: string;
}

export function addAgentChange(
  noun: Command,
  context: CliContext,
  verb: keyof typeof CHANGES,
): void {
  const { to, summary } = CHANGES[verb];
  const command = noun
    .command(verb)
    .summary(summary)
    .argument('<agent>', 'name or id')
    .option('--reason <text>', 'why; stands in the audit record');
  context.action<Why>(command, async (run, agent = '') => {
    const reason = needReason(run.options.reason, `agent ${verb}`);
    const changed = await (await openApi(run)).call('agents.transition', {
      agent,
      body: { to, reason },
    });
    if (run.terminal.machine) run.terminal.json(changed);
    else run.terminal.line(`${changed.name} is ${changed.state}`);
    return 0;
  });
}

export function addAgentRevoke(noun: Command, context: CliContext): void {
  const command = noun
    .command('revoke')
    .summary('end every token of an agent; it may get new ones unless it is suspended')
    .argument('<agent>', 'name or id')
    .option('--reason <text>', 'why; stands in the audit record');
  context.action<Why>(command, async (run, agent = '') => {
    const reason = needReason(run.options.reason, 'agent revoke');
    await (await openApi(run)).call('agents.revoke', { agent, body: { reason } });
    if (run.terminal.machine) run.terminal.json({ revoked: agent });
    else run.terminal.line(`every token of ${agent} issued so far is dead`);
    return 0;
  });
}

export function needReason(reason: string | undefined, action: string): string {
  if (reason === undefined || reason.trim().length < 3)
    throw new AppError('CLI_REASON_REQUIRED', { params: { action } });
  return reason;
}
