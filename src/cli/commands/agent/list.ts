import type { Command } from 'commander';
import { openApi } from '../../api-access.ts';
import type { CliContext } from '../../context.ts';
import { safeText } from '../../output/safe-text.ts';

const day = (time: number): string => new Date(time).toISOString().slice(0, 10);

export function addAgentList(noun: Command, context: CliContext): void {
  const command = noun.command('list').alias('ls').summary('registered agents');
  context.action(command, async (run) => {
    const { agents } = await (await openApi(run)).call('agents.list', {});
    if (run.terminal.machine) run.terminal.json({ agents });
    else
      run.terminal.table(
        ['NAME', 'STATE', 'OWNER', 'KEYS', 'EXPIRES', 'PURPOSE'],
        agents.map((agent) => [
          agent.name,
          agent.expired ? 'expired' : agent.state,
          agent.owners[0] ?? '',
          String(agent.liveKeys),
          day(agent.expiresAt),
          agent.purpose,
        ]),
      );
    return 0;
  });
}

export function addAgentShow(noun: Command, context: CliContext): void {
  const command = noun
    .command('show')
    .summary('one agent with its credentials')
    .argument('<agent>', 'name or id');
  context.action(command, async (run, agent = '') => {
    const found = await (await openApi(run)).call('agents.get', { agent });
    const { terminal } = run;
    if (terminal.machine) {
      terminal.json(found);
      return 0;
    }
    const { keys, bootstrapTokens, ...facts } = found;
    for (const [name, value] of Object.entries(facts)) {
      const text = Array.isArray(value)
        ? value.join(', ')
        : name.endsWith('At')
          ? new Date(Number(value)).toISOString()
          : String(value ?? '–');
      terminal.line(`${name.padEnd(12)} ${safeText(text)}`);
    }
    const rows = [
      ...keys.map((key) => ['key', key.id, key.revokedAt === null ? 'live' : 'revoked', '–']),
      ...bootstrapTokens.map((token) => [
        'bootstrap token',
        token.id,
        token.revokedAt === null ? 'live' : 'revoked',
        new Date(token.expiresAt).toISOString(),
      ]),
    ];
    if (rows.length > 0) terminal.table(['CREDENTIAL', 'ID', 'STATE', 'EXPIRES'], rows);
    return 0;
  });
}
