import type { PolicyDirectory } from '../loader/read-directory.ts';
import type { DifferenceSummary } from './compare-sets.ts';
import type { StoredSet } from './stored-set.ts';

type SqlValue = string | number | null;

/** What versions need of a database; `?` placeholders, one statement per call. */
export interface VersionsQueries {
  run(sql: string, values?: readonly SqlValue[]): Promise<{ readonly changes: number }>;
  all(
    sql: string,
    values?: readonly SqlValue[],
  ): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

export interface VersionsDb extends VersionsQueries {
  transaction<T>(body: (tx: VersionsQueries) => Promise<T>): Promise<T>;
}

/** Who changed policies, and why. */
export interface ChangeCause {
  readonly user: string;
  readonly channel: 'cli' | 'api' | 'console' | 'system';
  readonly reason: string;
}

/** A policy set that took effect. Numbers start at 1, have no gaps and never change their meaning. */
export interface PolicyVersionEntry extends ChangeCause {
  readonly number: number;
  /** SHA-256 of the texts. A rollback has the digest of the version it returns to. */
  readonly digest: string;
  /** Version of the decision point when the set took effect; decisions name it. Tools change it, see `noteLive`. */
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly summary: DifferenceSummary;
}

/** The policy directory as something that can be replaced as a whole. */
export interface PolicyFiles {
  /** `path` instead of the configured directory. */
  read(path?: string): Promise<PolicyDirectory>;
  /**
   * Replaces the policy files, all or none, also across a crash; a `read` sees either set. Other files stay. What was
   * there is copied away first; gives the place of the copy.
   *
   * @throws AppError `POLICY_FILES_UNWRITABLE`; the files are as before
   */
  install(set: StoredSet): Promise<{ readonly backup: string }>;
}
