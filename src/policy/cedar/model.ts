import type { EntitySnapshot } from './entity-snapshot.ts';
import type { PolicySet } from './policy-set.ts';
import type { CedarRecord, EntityUid } from './values.ts';

export type PolicyEffect = 'permit' | 'forbid';

/**
 * What one decision is made from. Both halves are immutable, so a decision sees one state of the world whatever
 * writers do meanwhile; swapping means building another pair.
 */
export interface Snapshot {
  readonly policies: PolicySet;
  readonly entities: EntitySnapshot;
}

/** One question. Entities are named with `new EntityUid(type, id)`; unknown ids are legal and never retained. */
export interface CedarRequest {
  readonly principal: EntityUid;
  readonly action: EntityUid;
  readonly resource: EntityUid;
  readonly context: CedarRecord;
}

/** A policy that could not be evaluated and was therefore skipped, as Cedar demands. */
export interface PolicyFailure {
  readonly policyId: string;
  /** An erring `forbid` did not protect: callers should turn it into a deny. */
  readonly effect: PolicyEffect;
  /** Names attributes and operators, never values. */
  readonly message: string;
}

export interface Authorization {
  readonly decision: 'allow' | 'deny';
  /** Ids of the determining policies, sorted. Empty for a deny because nothing permitted. */
  readonly reasons: readonly string[];
  readonly errors: readonly PolicyFailure[];
  /**
   * Present when the whole decision was given up (and denied): the work budget ran out, an oversize string was
   * read, or the evaluator itself failed. Cedar has no such outcome; it is ours.
   */
  readonly aborted?: string;
}

/** A refusal of a policy, a template, a link, an entity or a value. */
export interface Problem {
  /** Where: a JSON-path-like position such as `conditions[0].&&.left` or `input.repo`, or an entity uid. */
  readonly at: string;
  /** One sentence without values from the input beyond names. */
  readonly problem: string;
}
