import type { Command } from 'commander';
import { openApi } from '../../api-access.ts';
import { type CliContext, usage } from '../../context.ts';

interface RegisterOptions {
  readonly owner: readonly string[];
  readonly purpose?: string;
  readonly group?: readonly string[];
  readonly environment?: string;
  readonly risk?: string;
  readonly days?: string;
  readonly staged?: boolean;
  readonly reason?: string;
}

const RISKS = ['low', 'medium', 'high'] as const;

export function addAgentRegister(noun: Command, context: CliContext): void {
  const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value];
  const command = noun
    .command('register')
    .summary('register an agent, make its key and put it into service')
    .description('  sallyport agent register deploy-agent --owner alice@example.com')
    .argument('<name>', 'lower-case letters, digits, . _ -')
    .requiredOption(
      '--owner <email>',
      'accountable person; give it again for a second one',
      collect,
    )
    .option('--purpose <text>', 'what the agent is for')
    .option('--group <name>', 'group that policies name; may be repeated', collect)
    .option('--environment <name>', 'for example production')
    .option('--risk <tier>', 'low, medium or high')
    .option('--days <n>', 'days until somebody must renew it', '90')
    .option('--staged', 'register only: no key, not in service')
    .option('--reason <text>', 'why; stands in the audit record');
  context.action<RegisterOptions>(command, async (run, name = '') => {
    const { options, terminal } = run;
    const days = Number(options.days);
    const risk = RISKS.find((tier) => tier === options.risk);
    if (options.risk !== undefined && risk === undefined)
      throw usage(`--risk ${options.risk} is unknown`, 'use low, medium or high');
    if (!Number.isInteger(days) || days < 1 || days > 365)
      throw usage('--days takes 1 to 365', 'agents are renewed at least once a year');
    const { agent, keyFile } = await (await openApi(run)).call('agents.register', {
      body: {
        name,
        owners: [...options.owner],
        purpose: options.purpose ?? `registered by ${options.owner[0] ?? 'its owner'}`,
        groups: [...(options.group ?? [])],
        lifeDays: days,
        activate: options.staged !== true,
        reason: options.reason ?? 'registered on the command line',
        ...(options.environment === undefined ? {} : { environment: options.environment }),
        ...(risk === undefined ? {} : { riskTier: risk }),
      },
    });
    if (terminal.machine) {
      terminal.json({ agent, keyFile });
      return 0;
    }
    terminal.line(
      `registered ${agent.name} (${agent.id}), ${agent.state}, owner ${agent.owners[0] ?? ''}`,
    );
    if (keyFile !== null) terminal.line(`key ${keyFile}`);
    terminal.line();
    terminal.line(
      keyFile === null
        ? `Next: sallyport agent key ${agent.name} and sallyport agent activate ${agent.name} --reason "…"`
        : `Next: sallyport connect claude-code --agent ${agent.name}`,
    );
    terminal.note(
      'It may do only what a policy permits: sallyport policy explain shows why a call is refused.',
    );
    return 0;
  });
}
