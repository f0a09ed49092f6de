import type { RouteOutput } from '../../../api/index.ts';
import type { Run } from '../../context.ts';
import { safeText } from '../../output/safe-text.ts';

type Replay = NonNullable<RouteOutput<'policy.replay'>['replay']>;
type Difference = RouteOutput<'policy.diff'>;

const WORDS = {
  newly_denied: 'newly denied',
  newly_allowed: 'newly allowed',
  newly_held: 'newly held',
} as const;
const MOST_GROUPS = 50;

/** A unified diff, coloured; what is in it is made printable line by line. */
export function showDifference({ terminal }: Run<unknown>, difference: Difference): void {
  const { color } = terminal;
  const { added, removed, changed, effects } = difference;
  terminal.line(
    `${added.length} added, ${removed.length} removed, ${changed.length} changed${effects ? ', effects.yaml changed' : ''}`,
  );
  for (const line of difference.unified.split('\n')) {
    const text = safeText(line, 2_000);
    if (/^(---|\+\+\+)/.test(line)) terminal.line(color.bold(text));
    else if (line.startsWith('+')) terminal.line(color.green(text));
    else if (line.startsWith('-')) terminal.line(color.red(text));
    else terminal.line(text);
  }
}

/** What a draft would have changed, most frequent first. */
export function showReplay({ terminal }: Run<unknown>, replay: Replay): void {
  const skipped = Object.values(replay.skipped).reduce((sum, one) => sum + one, 0);
  terminal.line(
    `replayed ${replay.calls} recorded decisions: ${replay.unchanged} unchanged, ${replay.flipped} flip, ${replay.unknown} unknown, ${skipped} not replayed`,
  );
  if (replay.flips.length > 0)
    terminal.table(
      ['CHANGE', 'AGENT', 'SERVER', 'TOOL', 'POLICY', 'CALLS', 'FOR EXAMPLE'],
      replay.flips
        .slice(0, MOST_GROUPS)
        .map((flip) => [
          WORDS[flip.direction],
          flip.agent,
          flip.server,
          flip.target,
          flip.policy === '' ? '–' : flip.policy,
          String(flip.count),
          exampleOf(flip.examples),
        ]),
    );
  const hidden = replay.flips.slice(MOST_GROUPS).reduce((sum, { count }) => sum + count, 0);
  if (hidden + replay.flipsElsewhere > 0)
    terminal.line(`… and ${hidden + replay.flipsElsewhere} more calls that flip`);
  if (replay.unknowns.length > 0) {
    terminal.line();
    terminal.line('unknown, because the arguments were not kept (audit.bodies):');
    terminal.table(
      ['AGENT', 'SERVER', 'TOOL', 'COULD BE', 'CALLS', 'HANGS ON'],
      replay.unknowns
        .slice(0, MOST_GROUPS)
        .map((one) => [
          one.agent,
          one.server,
          one.target,
          one.possible.join(' or '),
          String(one.count),
          one.policies.join(', '),
        ]),
    );
  }
  if (skipped > 0) {
    const why = Object.entries(replay.skipped).filter(([, count]) => count > 0);
    terminal.note(
      `not replayed: ${why.map(([name, count]) => `${count} ${name.replaceAll('_', ' ')}`).join(', ')}`,
    );
  }
  if (replay.drifted > 0)
    terminal.note(
      `${replay.drifted} calls were decided differently when they were made: policies, tools or agents have changed since`,
    );
}

function exampleOf(examples: Replay['flips'][number]['examples']): string {
  const [first] = examples;
  return first === undefined ? '' : (first.call ?? `record ${first.seq}`);
}

/** `2026-01-14 10:00` in UTC. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}
