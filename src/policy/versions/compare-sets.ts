import { createTwoFilesPatch } from 'diff';
import { policiesOf, type StoredPolicy, type StoredSet } from './stored-set.ts';

export interface PolicyRef {
  readonly id: string;
  readonly file: string;
}

export interface SetDifference {
  readonly added: readonly PolicyRef[];
  readonly removed: readonly PolicyRef[];
  /** The same id with another text. */
  readonly changed: readonly PolicyRef[];
  /** `effects.yaml` differs. */
  readonly effects: boolean;
  /** Unified diff over policies and `effects.yaml`; empty when nothing differs. */
  readonly unified: string;
}

/** Names of what differs, for records. */
export interface DifferenceSummary {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  readonly effects: boolean;
  /** Policies beyond those that are named. */
  readonly more: number;
}

/** Edits after which two texts are shown as replaced: the search grows with the square of the edits. */
const MAX_EDITS = 1_000;
const MAX_UNIFIED = 1_000_000;
const MAX_NAMED = 50;

export function compareSets(before: StoredSet, after: StoredSet): SetDifference {
  const old = new Map(policiesOf(before).map((policy) => [policy.id, policy]));
  const now = new Map(policiesOf(after).map((policy) => [policy.id, policy]));
  const added = [...now.values()].filter(({ id }) => !old.has(id));
  const removed = [...old.values()].filter(({ id }) => !now.has(id));
  const changed = [...now.values()].filter(({ id, text }) => {
    const was = old.get(id);
    return was !== undefined && was.text !== text;
  });
  const patches: string[] = [];
  let size = 0;
  const patch = (name: string, from: string | undefined, to: string | undefined): void => {
    if (size > MAX_UNIFIED) return;
    const text = patchOf(name, from, to);
    size += text.length;
    patches.push(size > MAX_UNIFIED ? '… the rest is too long to show\n' : text);
  };
  for (const policy of removed) patch(nameOf(policy), policy.text, undefined);
  for (const policy of changed) patch(nameOf(policy), old.get(policy.id)?.text, policy.text);
  for (const policy of added) patch(nameOf(policy), undefined, policy.text);
  const effects = before.effects !== after.effects;
  if (effects) patch('effects.yaml', before.effects, after.effects);
  return {
    added: added.map(refOf),
    removed: removed.map(refOf),
    changed: changed.map(refOf),
    effects,
    unified: patches.join(''),
  };
}

export function summaryOf({ added, removed, changed, effects }: SetDifference): DifferenceSummary {
  const lists = [added, removed, changed].map((list) => list.map(({ id }) => id));
  const [first = [], second = [], third = []] = lists.map((list) => list.slice(0, MAX_NAMED));
  const more = lists.reduce((sum, list) => sum + Math.max(0, list.length - MAX_NAMED), 0);
  return { added: first, removed: second, changed: third, effects, more };
}

function patchOf(name: string, from: string | undefined, to: string | undefined): string {
  const line = (text: string | undefined): string =>
    text === undefined || text === '' ? '' : `${text.replace(/\n$/, '')}\n`;
  const options = { context: 3, maxEditLength: MAX_EDITS };
  const [oldName, newName] = [
    from === undefined ? '/dev/null' : `a/${name}`,
    to === undefined ? '/dev/null' : `b/${name}`,
  ];
  const patch: string | undefined = createTwoFilesPatch(
    oldName,
    newName,
    line(from),
    line(to),
    undefined,
    undefined,
    options,
  );
  // Its first line is a ruler for mail readers.
  return patch?.replace(/^=+\n/, '') ?? `--- ${oldName}\n+++ ${newName}\n… replaced as a whole\n`;
}

const nameOf = ({ file, id }: StoredPolicy): string => `${file}/${id}`;
const refOf = ({ id, file }: StoredPolicy): PolicyRef => ({ id, file });
