import type { Command } from 'commander';
import { AppError } from '../../../kernel/index.ts';
import { openApi } from '../../api-access.ts';
import type { CliContext } from '../../context.ts';
import { askYes } from '../../output/ask.ts';
import { safeText } from '../../output/safe-text.ts';
import { showProblem } from './check.ts';
import { readDraft } from './read-draft.ts';
import { addReplayOptions, REPLAY_TIMEOUT_MS, type ReplayOptions, replayFilter } from './replay.ts';
import { showDifference, showReplay } from './show-change.ts';

interface ApplyOptions extends ReplayOptions {
  readonly reason?: string;
  readonly yes?: boolean;
}

/** Shows the replay, asks, and brings a directory into force. */
export function addPolicyApply(noun: Command, context: CliContext): void {
  const command = addReplayOptions(
    noun
      .command('apply')
      .summary('bring a policy directory into force')
      .description(
        'Shows what a draft would have changed, asks, and then validates, keeps, records, writes and swaps it in as a ' +
          'whole. `policy rollback` undoes it.',
      )
      .argument('<dir>', 'directory of the draft')
      .option('--reason <text>', 'why; stands in the audit record')
      .option('-y, --yes', 'do not ask'),
  );
  context.action<ApplyOptions>(command, async (run, dir = '') => {
    const { options, terminal, ports } = run;
    const { reason } = options;
    if (reason === undefined)
      throw new AppError('CLI_REASON_REQUIRED', { params: { action: 'policy apply' } });
    const draft = await readDraft(run, dir);
    const api = await openApi(run, REPLAY_TIMEOUT_MS);
    const seen = await api.call('policy.replay', {
      body: { ...draft, ...replayFilter(options, ports.clock.now()) },
    });
    if (!seen.acceptable) {
      if (terminal.machine) terminal.json(seen);
      else for (const problem of seen.policies.problems) showProblem(run, problem);
      return 1;
    }
    if (!terminal.machine) {
      showDifference(run, seen.difference);
      if (seen.replay !== null) showReplay(run, seen.replay);
    }
    if (options.yes !== true && !(await askYes(ports, 'Bring these policies into force?')))
      throw new AppError('CLI_DECLINED');
    const done = await api.call('policy.apply', {
      body: { ...draft, reason, ...(seen.against === null ? {} : { against: seen.against }) },
    });
    if (terminal.machine) terminal.json({ ...done, replay: seen.replay });
    else if (!done.changed) terminal.line('these policies are in force already');
    else
      terminal.line(
        `version ${done.entry?.number ?? '?'} is in force; what was there is in ${safeText(done.backup ?? '', 1_000)}`,
      );
    return 0;
  });
}
