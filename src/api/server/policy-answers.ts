import { AppError } from '../../kernel/index.ts';
import {
  conditionText,
  type DraftFacts,
  type PolicyChanged,
  type PolicyChanger,
  type PolicyDirectory,
  type PolicyVersions,
  type PreviewedItem,
  type ReplayFilter,
  type ReplayReport,
  readEffects,
} from '../../policy/index.ts';
import type { POLICY_CHANGE_ROUTES } from '../contract/policy-change-routes.ts';
import type { Answers } from './answers.ts';

/** Looking ahead and changing policies, as a running gateway offers it. */
export interface PolicyChanges {
  readonly versions: Pick<PolicyVersions, 'list' | 'find' | 'diff'>;
  readonly changer: PolicyChanger;
  /** Everything the servers offer, for an agent by name or id. @throws AppError `API_NOT_FOUND` */
  preview(agent: string): {
    readonly agent: string;
    readonly version: string;
    readonly items: readonly PreviewedItem[];
  };
  /** Over the recorded history; `last` records when given. */
  replay(
    facts: DraftFacts,
    filter: ReplayFilter & { readonly last?: number },
  ): Promise<ReplayReport | undefined>;
}

const MAX_REPLAYS = 2;

type PolicyAnswers = Pick<Answers, keyof typeof POLICY_CHANGE_ROUTES>;

export function createPolicyAnswers(changes: PolicyChanges | undefined): PolicyAnswers {
  let replaying = 0;
  const given = (): PolicyChanges => {
    if (changes === undefined)
      throw new AppError('API_NOT_FOUND', { params: { what: 'policy history here' } });
    return changes;
  };
  return {
    'policy.versions': async ({ query }) => ({
      versions: plain(await given().versions.list(present(query))),
    }),
    async 'policy.version'({ params }) {
      const { entry, set } = await given().versions.find(params['name'] ?? '');
      const files = set.files.map(({ name, text }) => ({ name, text }));
      return plain({ entry, files, effects: set.effects ?? null });
    },
    'policy.diff': async ({ query }) =>
      plain(await given().versions.diff(query.before, query.after)),
    'policy.preview'({ params }) {
      const { items, ...rest } = given().preview(params['agent'] ?? '');
      return plain({
        ...rest,
        items: items.map((item) => ({ ...item, condition: conditionText(item) })),
      });
    },
    async 'policy.replay'({ body }) {
      const { files, effects, ...filter } = body;
      if (replaying >= MAX_REPLAYS) throw new AppError('API_BUSY', { params: { what: 'replays' } });
      replaying++;
      try {
        const facts = await given().changer.look(directoryFrom(files, effects));
        const replay = await given().replay(facts, present(filter));
        const { applied, version, policies, problems } = facts.draft.report;
        return plain({
          acceptable: facts.draft.acceptable,
          digest: facts.digest,
          against: facts.against ?? null,
          difference: facts.difference,
          policies: { applied, version, policies, problems },
          replay: replay ?? null,
        });
      } finally {
        replaying--;
      }
    },
    async 'policy.apply'({ body, by }) {
      const { files, effects, against, reason: _ } = body;
      const cause = { user: by.user, channel: by.channel, reason: by.reason };
      return changed(await given().changer.apply(directoryFrom(files, effects), cause, against));
    },
    async 'policy.rollback'({ body, by }) {
      const cause = { user: by.user, channel: by.channel, reason: by.reason };
      return changed(await given().changer.rollback(body.version, cause));
    },
  };
}

function directoryFrom(
  files: readonly { readonly name: string; readonly text: string }[],
  effects: string | undefined,
): PolicyDirectory {
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  const twin = sorted.find(({ name }, i) => sorted[i + 1]?.name === name);
  if (twin !== undefined)
    throw new AppError('API_INVALID', { params: { problem: `${twin.name} comes twice` } });
  return {
    files: sorted,
    effects: readEffects('effects.yaml', effects ?? ''),
    ...(effects === undefined ? {} : { effectsText: effects }),
  };
}

function changed({ changed: did, entry, backup }: PolicyChanged) {
  return plain({ changed: did, entry: entry ?? null, backup: backup ?? null });
}

function present<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

type Mutable<T> = T extends readonly (infer E)[]
  ? Mutable<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T;

/** A plain copy without members that are undefined, as JSON carries it. */
function plain<T>(value: T): Mutable<T> {
  return JSON.parse(JSON.stringify(value)) as Mutable<T>;
}
