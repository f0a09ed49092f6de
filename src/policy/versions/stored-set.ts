import { sha256Hex } from '../../kernel/index.ts';
import { EFFECTS_FILE, type PolicyDirectory } from '../loader/read-directory.ts';
import { readEffects } from '../loader/read-effects.ts';
import type { PolicySnapshot } from '../service/model.ts';
import { splitPolicies } from '../text/split-policies.ts';

/** A set of policies as it is kept: the texts, and the ids of the policies in each file in their order. */
export interface StoredSet {
  readonly files: readonly {
    readonly name: string;
    readonly text: string;
    readonly ids: readonly string[];
  }[];
  readonly effects: string | undefined;
}

/** What is kept of a snapshot. Whether policies fit the tools is not part of it. */
export function storedSet({ source, live }: PolicySnapshot): StoredSet {
  const ids = new Map<string, string[]>();
  for (const policy of live.policies.values()) {
    const list = ids.get(policy.file) ?? [];
    list.push(policy.id);
    ids.set(policy.file, list);
  }
  return {
    files: source.files.map(({ name, text }) => ({ name, text, ids: ids.get(name) ?? [] })),
    effects: source.effectsText,
  };
}

/** SHA-256 (hex) over names and texts: the name of the content. */
export function digestOfSet({ files, effects }: StoredSet): string {
  const texts = files.map(({ name, text }) => [name, text]);
  return sha256Hex(JSON.stringify([effects ?? null, ...texts]));
}

export function directoryOf({ files, effects }: StoredSet): PolicyDirectory {
  return {
    files: files.map(({ name, text }) => ({ name, text })),
    effects: readEffects(EFFECTS_FILE, effects ?? ''),
    ...(effects === undefined ? {} : { effectsText: effects }),
  };
}

export interface StoredPolicy {
  readonly id: string;
  readonly file: string;
  readonly text: string;
}

/** The policies of a set that was in force: there every piece of a file is one policy. */
export function policiesOf({ files }: StoredSet): readonly StoredPolicy[] {
  return files.flatMap(({ name, text, ids }) =>
    splitPolicies(text).map((piece, i) => ({
      id: ids[i] ?? `${name}#${i + 1}`,
      file: name,
      text: piece.text,
    })),
  );
}
