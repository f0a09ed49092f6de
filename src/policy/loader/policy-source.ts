import type { CompiledPolicy } from '../cedar/index.ts';
import type { PolicyAnnotations } from '../text/policy-annotations.ts';
import type { SourcePosition } from '../text/source-position.ts';

/** One policy that parsed and compiled, with where it stands. */
export interface LoadedPolicy {
  /** `@id`, or `<file>#<number>`. */
  readonly id: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Where `text`, comments included, starts in the file. */
  readonly start: SourcePosition;
  readonly text: string;
  /** SHA-256 of `text`. */
  readonly digest: string;
  /** Cedar's JSON form. */
  readonly est: unknown;
  readonly compiled: CompiledPolicy;
  readonly annotations: PolicyAnnotations;
  /** Namespaces, and so servers, that the policy names. */
  readonly mentions: ReadonlySet<string>;
}

/** Something to tell the author, with the place where an editor should jump. */
export interface PolicyProblem {
  readonly severity: 'error' | 'warning';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly policy?: string;
  readonly message: string;
  /** What to write instead. */
  readonly suggestion?: string;
}

export interface PolicyFile {
  /** Relative to the policy directory. */
  readonly name: string;
  readonly text: string;
}
