import { type Command, Option } from 'commander';
import { parseDuration } from '../../../kernel/index.ts';
import { openApi } from '../../api-access.ts';
import { type CliContext, usage } from '../../context.ts';
import { showProblem } from './check.ts';
import { readDraft } from './read-draft.ts';
import { showDifference, showReplay } from './show-change.ts';

export interface ReplayOptions {
  readonly agent?: string;
  readonly server?: string;
  readonly since?: string;
  readonly last?: string;
  readonly diff?: boolean;
}

/** How long the gateway may replay before the command gives up waiting. */
export const REPLAY_TIMEOUT_MS = 600_000;

export function addReplayOptions(command: Command): Command {
  return command
    .option('--agent <name>', 'calls of this agent only')
    .option('--server <name>', 'calls to this server only')
    .addOption(new Option('--since <time>', 'a duration such as 7d, or a date'))
    .option('--last <n>', 'only the last n records of the log');
}

/** Exit code 3 when something flips or is unknown, 1 when the draft is invalid. */
export function addPolicyReplay(noun: Command, context: CliContext): void {
  const command = addReplayOptions(
    noun
      .command('replay')
      .summary('what would a draft have changed')
      .description(
        'Decides the recorded calls again, under the policies in force and under a draft, and lists what differs. ' +
          'Calls whose arguments were not kept and matter are listed as unknown.',
      )
      .argument('<dir>', 'directory of the draft')
      .option('--diff', 'also show how the policies differ'),
  );
  context.action<ReplayOptions>(command, async (run, dir = '') => {
    const { options, terminal } = run;
    const api = await openApi(run, REPLAY_TIMEOUT_MS);
    const body = {
      ...(await readDraft(run, dir)),
      ...replayFilter(options, run.ports.clock.now()),
    };
    const found = await api.call('policy.replay', { body });
    if (terminal.machine) terminal.json(found);
    else {
      for (const problem of found.policies.problems)
        if (problem.severity === 'error') showProblem(run, problem);
      if (options.diff === true) showDifference(run, found.difference);
      if (found.replay !== null) showReplay(run, found.replay);
    }
    if (!found.acceptable) return 1;
    return found.replay === null || found.replay.flipped + found.replay.unknown === 0 ? 0 : 3;
  });
}

export function replayFilter(
  { agent, server, since, last }: ReplayOptions,
  now: number,
): { agent?: string; server?: string; since?: number; last?: number } {
  return {
    ...(agent === undefined ? {} : { agent }),
    ...(server === undefined ? {} : { server }),
    ...(since === undefined ? {} : { since: timeOf(since, now) }),
    ...(last === undefined ? {} : { last: countOf(last) }),
  };
}

function timeOf(text: string, now: number): number {
  const ago = parseDuration(text);
  const at = ago === undefined ? Date.parse(text) : now - ago;
  if (Number.isFinite(at)) return at;
  throw usage(
    '--since is no time',
    'give a duration such as 24h or 7d, or a date such as 2026-01-14',
  );
}

function countOf(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 1_000_000) return count;
  throw usage('--last is no count', 'give a whole number from 1 to 1000000');
}
