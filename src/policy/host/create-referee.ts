import type { Authorization, CedarRequest, EntitySnapshot, EntityUid } from '../cedar/index.ts';
import { refereeCase } from './cedar-json.ts';
import type { CedarHost } from './create-cedar-host.ts';
import type { PoliciesById } from './worker-protocol.ts';

/** One decision as it was made. */
export interface DecidedCase {
  readonly policyVersion: string;
  readonly policies: PoliciesById;
  /** Entities that the policies name. */
  readonly mentioned: readonly EntityUid[];
  readonly request: CedarRequest;
  readonly entities: EntitySnapshot;
  readonly answer: Authorization;
}

/** The compiled evaluator and cedar-wasm disagree. Holds names only, no values of the call. */
export interface RefereeDifference {
  readonly policyVersion: string;
  readonly principal: string;
  readonly action: string;
  readonly ours: RefereeVerdict;
  readonly theirs: RefereeVerdict;
}

export interface RefereeVerdict {
  readonly decision: 'allow' | 'deny';
  readonly reasons: readonly string[];
  readonly errors: readonly string[];
}

export interface RefereeStatus {
  readonly checked: number;
  readonly differences: number;
  /** Cases without an exact JSON form, or that cedar-wasm refused or failed on. */
  readonly skipped: number;
  readonly waiting: number;
}

export interface Referee {
  /** Cheap; `make` only runs when this one is sampled. */
  consider(make: () => readonly DecidedCase[]): void;
  status(): RefereeStatus;
  /** Resolves when everything considered so far is decided. */
  idle(): Promise<void>;
}

export interface RefereeDeps {
  readonly host: CedarHost;
  /** Share of decisions that are repeated, 0 to 1. */
  readonly sample: number;
  readonly onDifference: (difference: RefereeDifference) => void;
}

/** Cases waiting for the worker; more are skipped, so a busy gateway referees less rather than piling up. */
const MAX_WAITING = 1_000;

/**
 * Has sampled decisions repeated by cedar-wasm, behind the decision's back. Every n-th decision is taken, without
 * chance: a test can rely on it. A difference is reported once per case; the caller changes the engine.
 */
export function createReferee({ host, sample, onDifference }: RefereeDeps): Referee {
  let credit = 0;
  let checked = 0;
  let differences = 0;
  let skipped = 0;
  let waiting = 0;
  let idleWaiters: (() => void)[] = [];

  const check = async (decided: DecidedCase): Promise<void> => {
    const { request, policies, answer } = decided;
    const question = refereeCase(request, decided.entities, decided.mentioned);
    if (question === undefined || answer.aborted !== undefined) {
      skipped++;
      return;
    }
    const theirs = await host.authorize(policies, question);
    if (!theirs.ok) {
      skipped++;
      return;
    }
    checked++;
    const ours: RefereeVerdict = {
      decision: answer.decision,
      reasons: [...answer.reasons].sort(),
      errors: answer.errors.map((failure) => failure.policyId).sort(),
    };
    const { decision, reasons, errors } = theirs;
    if (same(ours, theirs)) return;
    differences++;
    onDifference({
      policyVersion: decided.policyVersion,
      principal: request.principal.id,
      action: `${request.action.type}::${request.action.id}`,
      ours,
      theirs: { decision, reasons, errors },
    });
  };

  const settled = (): void => {
    waiting--;
    if (waiting > 0) return;
    for (const wake of idleWaiters) wake();
    idleWaiters = [];
  };

  return {
    consider(make) {
      credit += sample;
      if (credit < 1) return;
      credit -= Math.floor(credit);
      if (waiting >= MAX_WAITING) {
        skipped++;
        return;
      }
      for (const decided of make()) {
        waiting++;
        check(decided)
          .catch(() => {
            skipped++;
          })
          .finally(settled);
      }
    },
    status: () => ({ checked, differences, skipped, waiting }),
    idle: () =>
      waiting === 0 ? Promise.resolve() : new Promise((resolve) => idleWaiters.push(resolve)),
  };
}

function same(a: RefereeVerdict, b: RefereeVerdict): boolean {
  const text = (list: readonly string[]): string => list.join('\0');
  return (
    a.decision === b.decision &&
    text(a.reasons) === text(b.reasons) &&
    text(a.errors) === text(b.errors)
  );
}
