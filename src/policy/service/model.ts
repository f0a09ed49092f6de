import type { GatewayMode } from '../decide/decide.ts';
import type { CedarHost } from '../host/create-cedar-host.ts';
import type { RefereeDifference, RefereeStatus } from '../host/create-referee.ts';
import type { LivePolicies } from '../live/live-policies.ts';
import type { PolicyStatus } from '../loader/check-report.ts';
import type { PolicyProblem } from '../loader/policy-source.ts';
import type { PolicyDirectory } from '../loader/read-directory.ts';
import type { ActionRequest, AgentFacts, Decision, PolicyDecisionPoint } from '../model.ts';
import type { SchemaFinding } from '../schema/server-schema.ts';

export interface PolicyServiceDeps {
  readonly host: CedarHost;
  /** Where policies come from; called by every `reload` and `check`. */
  readonly read: () => Promise<PolicyDirectory>;
  readonly mode: GatewayMode;
  /** Share of decisions that cedar-wasm repeats, 0 to 1. Default 1/500. */
  readonly refereeSample?: number;
  /** The compiled evaluator was caught wrong; from here on cedar-wasm decides until the policies change. */
  readonly onDifference?: (difference: RefereeDifference) => void;
  /**
   * Called before another set of policies takes effect; a rejection keeps the set in force. Not called when only
   * schemas or agents change.
   */
  readonly beforeChange?: (change: PolicySetChange) => Promise<void>;
  /** A refresh in the background failed or found something; `check` tells all. For the log. */
  readonly onReport?: (report: PolicyReport) => void;
}

/** Another set of policies is about to take effect. */
export interface PolicySetChange {
  readonly from: PolicySnapshot | undefined;
  readonly to: PolicySnapshot;
}

/** One immutable state of the decision point, with the texts it was made from. */
export interface PolicySnapshot {
  readonly version: string;
  readonly source: PolicyDirectory;
  readonly live: LivePolicies;
}

export interface PolicyDraft {
  readonly snapshot: PolicySnapshot;
  readonly report: PolicyReport;
  /** Whether `reload` would take it: no error in a new or changed policy. */
  readonly acceptable: boolean;
}

export interface PolicyReport {
  /** Whether these policies are in force now. Always false for `check`. */
  readonly applied: boolean;
  readonly version: string;
  readonly policies: readonly PolicyStatus[];
  /** Errors first. Any error in a new or changed policy keeps the old set in force. */
  readonly problems: readonly PolicyProblem[];
  /** What policies cannot see of the servers' tools. */
  readonly findings: readonly SchemaFinding[];
}

export interface PolicyServiceStatus {
  readonly version: string;
  readonly mode: GatewayMode;
  /** `none`: nothing was loaded yet, so everything is denied. */
  readonly engine: 'compiled' | 'cedar-wasm' | 'none';
  readonly policies: readonly PolicyStatus[];
  readonly servers: readonly {
    readonly name: string;
    readonly tools: number;
    readonly digest: string;
  }[];
  readonly findings: readonly SchemaFinding[];
  readonly agents: number;
  readonly referee: RefereeStatus;
  /** The last report of `reload`, of a file change or of a tool change. */
  readonly lastReport: PolicyReport | undefined;
}

/** A decision and everything that led to it. For operators: may quote values of the call. */
export interface PolicyExplanation {
  readonly decision: Decision;
  /** The policies that decided, with the conditions that held. */
  readonly holding: readonly ExplainedPolicy[];
  /** Permits that nearly applied, nearest first. */
  readonly nearMisses: readonly ExplainedMiss[];
}

export interface ExplainedPolicy {
  readonly policy: string;
  readonly effect: 'permit' | 'forbid';
  readonly head: string;
  readonly conditions: readonly ExplainedCondition[];
}

export interface ExplainedMiss {
  readonly policy: string;
  /** `condition`, or the part of the head that is about something else. */
  readonly failed: 'principal' | 'action' | 'resource' | 'condition';
  readonly needs: string;
  readonly error: string | undefined;
  readonly values: readonly ExplainedValue[];
}

export interface ExplainedCondition {
  readonly text: string;
  readonly values: readonly ExplainedValue[];
}

export interface ExplainedValue {
  readonly path: string;
  readonly value: string | undefined;
}

export interface PolicyService extends PolicyDecisionPoint {
  /**
   * Reads, validates and, if no new or changed policy has an error, swaps the policies in at once.
   *
   * @throws AppError `POLICY_DIRECTORY_UNREADABLE`, `POLICY_TOO_LARGE`, `POLICY_INVALID`, `POLICY_HOST_FAULT`; the
   * policies in force stay. `from` is taken instead of reading, so that what was looked at is what comes into force.
   */
  reload(from?: PolicyDirectory): Promise<PolicyReport>;
  /** The same without swapping. @throws AppError as `reload` */
  check(): Promise<PolicyReport>;
  /** What decides now; undefined before the first load. */
  snapshot(): PolicySnapshot | undefined;
  /**
   * What these policies would be with the tools and agents of now. Changes nothing.
   *
   * @throws AppError `POLICY_HOST_FAULT`, `POLICY_TOO_LARGE`
   */
  draft(directory: PolicyDirectory): Promise<PolicyDraft>;
  /** Decides without recording anything, and says why. Never throws. */
  explain(request: ActionRequest): PolicyExplanation;
  status(): PolicyServiceStatus;
  /** All registered agents: for group membership ahead of a call, and for "did you mean". */
  setAgents(agents: readonly AgentFacts[]): void;
  /** A server was removed from the configuration. */
  removeServer(server: string): void;
  /** Resolves when everything set so far is in force (or was refused), and the referee has caught up. */
  idle(): Promise<void>;
}
