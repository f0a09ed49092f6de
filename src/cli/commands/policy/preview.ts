import type { Command } from 'commander';
import { openApi } from '../../api-access.ts';
import type { CliContext } from '../../context.ts';

interface PreviewOptions {
  readonly all?: boolean;
  readonly server?: string;
}

/** What an agent could do with everything the servers offer. */
export function addPolicyPreview(noun: Command, context: CliContext): void {
  const command = noun
    .command('preview')
    .summary('what could this agent do')
    .description(
      'Everything the servers offer, with what the agent may do with it whatever the arguments: always, maybe (and on ' +
        'what it hangs), never. A `*` stands for whichever resource or prompt.',
    )
    .argument('<agent>', 'name or id')
    .option('--server <name>', 'this server only')
    .option('--all', 'also what it can never do');
  context.action<PreviewOptions>(command, async (run, agent = '') => {
    const { options, terminal } = run;
    const found = await (await openApi(run)).call('policy.preview', { agent });
    const items = found.items.filter(
      ({ server }) => options.server === undefined || server === options.server,
    );
    if (terminal.machine) {
      terminal.json({ ...found, items });
      return 0;
    }
    const { color } = terminal;
    const paint = { always: color.green, maybe: color.yellow, never: color.dim };
    const shown = items.filter(({ verdict }) => options.all === true || verdict !== 'never');
    terminal.table(
      ['SERVER', 'KIND', 'NAME', 'VERDICT', 'CONDITION'],
      shown.map((one) => [
        one.server,
        one.kind,
        one.target === one.kind ? '' : one.target,
        one.verdict,
        one.condition,
      ]),
    );
    const count = (verdict: keyof typeof paint): string =>
      paint[verdict](`${items.filter((one) => one.verdict === verdict).length} ${verdict}`);
    terminal.note(`${count('always')}, ${count('maybe')}, ${count('never')}`);
    return 0;
  });
}
