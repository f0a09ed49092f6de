import type { Command } from 'commander';
import type { RouteOutput } from '../../../api/index.ts';
import { AppError } from '../../../kernel/index.ts';
import { openApi } from '../../api-access.ts';
import { type CliContext, usage } from '../../context.ts';
import { askYes } from '../../output/ask.ts';
import { safeText } from '../../output/safe-text.ts';
import { showDifference, timeText } from './show-change.ts';

interface VersionsOptions {
  readonly limit?: string;
}

interface RollbackOptions {
  readonly reason?: string;
  readonly yes?: boolean;
}

type Entry = RouteOutput<'policy.versions'>['versions'][number];

/** `versions [NAME]`: all of them, or the texts of one. */
export function addPolicyVersions(noun: Command, context: CliContext): void {
  const command = noun
    .command('versions')
    .summary('every policy set that was in force')
    .argument(
      '[version]',
      'show this one: a number, a digest, or the version that a decision names',
    )
    .option('--limit <n>', 'how many', '20');
  context.action<VersionsOptions>(command, async (run, name) => {
    const { options, terminal } = run;
    const api = await openApi(run);
    if (name !== undefined) {
      const found = await api.call('policy.version', { name });
      if (terminal.machine) terminal.json(found);
      else {
        terminal.table(HEAD, [rowOf(found.entry)]);
        for (const file of found.files) {
          terminal.line();
          terminal.line(terminal.color.bold(safeText(file.name)));
          for (const line of file.text.split('\n')) terminal.line(safeText(line, 2_000));
        }
      }
      return 0;
    }
    const limit = Number(options.limit ?? 20);
    if (!Number.isInteger(limit) || limit < 1 || limit > 200)
      throw usage('--limit is no count', 'give a whole number from 1 to 200');
    const found = await api.call('policy.versions', { query: { limit } });
    if (terminal.machine) terminal.json(found);
    else terminal.table(HEAD, found.versions.map(rowOf));
    return 0;
  });
}

const HEAD = ['VERSION', 'TIME (UTC)', 'DIGEST', 'WHO', 'CHANGES', 'REASON'];

function rowOf({ number, time, digest, user, channel, summary, reason }: Entry): string[] {
  const { added, removed, changed, effects, more } = summary;
  const changes = `+${added.length} -${removed.length} ~${changed.length}${effects ? ' effects' : ''}${more > 0 ? ` (${more} more)` : ''}`;
  const who = user === '' ? channel : `${user} (${channel})`;
  return [String(number), timeText(time), digest.slice(0, 12), who, changes, reason];
}

export function addPolicyDiff(noun: Command, context: CliContext): void {
  const command = noun
    .command('diff')
    .summary('what differs between two versions')
    .argument('<before>', 'a version, `current` or `previous`')
    .argument('[after]', 'another; by default `current`');
  context.action(command, async (run, before = '', after = 'current') => {
    const found = await (await openApi(run)).call('policy.diff', { query: { before, after } });
    if (run.terminal.machine) run.terminal.json(found);
    else showDifference(run, found);
    return 0;
  });
}

export function addPolicyRollback(noun: Command, context: CliContext): void {
  const command = noun
    .command('rollback')
    .summary('bring an earlier version into force again')
    .argument('<version>', 'a number, a digest, or `previous`')
    .option('--reason <text>', 'why; stands in the audit record')
    .option('-y, --yes', 'do not ask');
  context.action<RollbackOptions>(command, async (run, version = '') => {
    const { options, terminal, ports } = run;
    const { reason } = options;
    if (reason === undefined)
      throw new AppError('CLI_REASON_REQUIRED', { params: { action: 'policy rollback' } });
    const api = await openApi(run);
    if (options.yes !== true) {
      showDifference(
        run,
        await api.call('policy.diff', { query: { before: 'current', after: version } }),
      );
      if (!(await askYes(ports, 'Bring this version into force again?')))
        throw new AppError('CLI_DECLINED');
    }
    const done = await api.call('policy.rollback', { body: { version, reason } });
    if (terminal.machine) terminal.json(done);
    else if (!done.changed) terminal.line('that version is in force already');
    else terminal.line(`version ${done.entry?.number ?? '?'} is in force`);
    return 0;
  });
}
