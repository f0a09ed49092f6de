import { AppError } from '../../kernel/index.ts';
import type { PolicyProblem } from '../loader/policy-source.ts';
import type { PolicyDirectory } from '../loader/read-directory.ts';
import type { PolicyDraft, PolicyService } from '../service/model.ts';
import { compareSets, type SetDifference } from './compare-sets.ts';
import type { PolicyVersions } from './create-versions.ts';
import type { ChangeCause, PolicyFiles, PolicyVersionEntry } from './ports.ts';
import { digestOfSet, directoryOf, type StoredSet, storedSet } from './stored-set.ts';

export interface ChangePoliciesDeps {
  readonly service: PolicyService;
  readonly versions: PolicyVersions;
  readonly files: PolicyFiles;
}

export interface DraftFacts {
  readonly draft: PolicyDraft;
  readonly digest: string;
  /** Digest of the set in force; undefined before the first load. */
  readonly against: string | undefined;
  readonly difference: SetDifference;
}

export interface PolicyChanged {
  /** False when these policies were in force already: then nothing was written or recorded. */
  readonly changed: boolean;
  readonly entry: PolicyVersionEntry | undefined;
  /** Where the files that were there before are kept; undefined when nothing changed. */
  readonly backup: string | undefined;
}

export interface PolicyChanger {
  /** What a directory would be, and how it differs from what is in force. Changes nothing. @throws as `draft` */
  look(directory: PolicyDirectory): Promise<DraftFacts>;
  /**
   * Brings a directory into force: validated, kept and recorded, files replaced, swapped in. All of it or nothing.
   * `against` is the digest that the caller has seen in force; another one refuses.
   *
   * @throws AppError `POLICY_INVALID`, `POLICY_CHANGED_MEANWHILE`, `POLICY_FILES_UNWRITABLE`, and of the audit log
   */
  apply(directory: PolicyDirectory, cause: ChangeCause, against?: string): Promise<PolicyChanged>;
  /** The same with an earlier version. @throws AppError `POLICY_VERSION_UNKNOWN` and as `apply` */
  rollback(name: string, cause: ChangeCause): Promise<PolicyChanged>;
}

const EMPTY: StoredSet = { files: [], effects: undefined };

/** One change at a time. */
export function createPolicyChanger(deps: ChangePoliciesDeps): PolicyChanger {
  const { service, versions, files } = deps;
  let chain: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = chain.then(work);
    chain = result.catch(() => undefined);
    return result;
  };

  const inForce = (): StoredSet | undefined => {
    const snapshot = service.snapshot();
    return snapshot === undefined ? undefined : storedSet(snapshot);
  };

  const look = async (directory: PolicyDirectory): Promise<DraftFacts> => {
    const draft = await service.draft(directory);
    const set = storedSet(draft.snapshot);
    const now = inForce();
    return {
      draft,
      digest: digestOfSet(set),
      against: now === undefined ? undefined : digestOfSet(now),
      difference: compareSets(now ?? EMPTY, set),
    };
  };

  const change = async (
    directory: PolicyDirectory,
    cause: ChangeCause,
    against: string | undefined,
  ): Promise<PolicyChanged> => {
    const facts = await look(directory);
    if (against !== undefined && facts.against !== against)
      throw new AppError('POLICY_CHANGED_MEANWHILE');
    if (!facts.draft.acceptable) throw invalid(facts.draft.report.problems);
    if (facts.digest === facts.against)
      return { changed: false, entry: await versions.latest(), backup: undefined };
    const before = inForce();
    versions.announce(facts.digest, cause);
    const { backup } = await files.install(storedSet(facts.draft.snapshot));
    const undo = async (): Promise<void> => {
      if (before !== undefined) await files.install(before);
    };
    try {
      const report = await service.reload();
      // Another process wrote the files meanwhile; what it wrote is not ours to undo.
      const now = inForce();
      if (!report.applied) throw invalid(report.problems);
      if (now === undefined || digestOfSet(now) !== facts.digest)
        throw new AppError('POLICY_CHANGED_MEANWHILE');
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'POLICY_CHANGED_MEANWHILE') await undo();
      throw error;
    }
    return { changed: true, entry: await versions.latest(), backup };
  };

  return {
    look,
    apply: (directory, cause, against) => inTurn(() => change(directory, cause, against)),
    rollback: (name, cause) =>
      inTurn(async () => {
        const { set } = await versions.find(name);
        return change(directoryOf(set), cause, undefined);
      }),
  };
}

function invalid(problems: readonly PolicyProblem[]): AppError {
  const first = problems.find(({ severity }) => severity === 'error') ?? problems[0];
  return new AppError('POLICY_INVALID', {
    params: {
      file: first?.file ?? 'policies',
      line: first?.line ?? 1,
      column: first?.column ?? 1,
      problem: first?.message ?? 'the policies could not be loaded',
    },
    meta: { problems },
  });
}
