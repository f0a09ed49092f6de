import type { ActionKind, AgentFacts, Effect, JsonValue } from '../model.ts';

/** A call as the record tells of it. What the record does not tell is absent, and counts as unknown. */
export interface RecordedCall {
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly call?: string;
  readonly agent: AgentFacts;
  readonly user?: string;
  readonly kind: ActionKind;
  readonly method: string;
  readonly server: string;
  readonly target: string;
  /** `undefined`: no arguments were sent. Absent: they were not kept. */
  readonly arguments?: { readonly value: { readonly [key: string]: JsonValue } | undefined };
  readonly transport?: 'http' | 'sse' | 'stdio';
  readonly era?: 'legacy' | 'modern';
  readonly sessionId?: string;
  readonly approved: boolean;
  /** What policy said then (not what the gateway did in observe mode). */
  readonly effect: Effect;
  readonly policyVersion: string;
}

/** Why a record cannot be replayed. */
export type Unreplayable =
  /** Refused by something else than policy: unknown names, invalid arguments, faults. A draft changes nothing there. */
  | 'not_policy'
  /** The record lacks what a decision needs, or is not understood. */
  | 'incomplete'
  /** The tool or its server is not known now. */
  | 'tool_gone'
  /** Decided over a chain of agents, whose bounds are not policy's. */
  | 'delegated'
  /** The agent's groups and other facts are neither recorded nor known now. */
  | 'agent_unknown';

export type FlipDirection = 'newly_denied' | 'newly_allowed' | 'newly_held';

export interface FlipExample {
  readonly seq: number;
  readonly time: number;
  readonly call?: string;
}

/** Calls that come out differently, for one agent, tool and policy. */
export interface FlipGroup {
  readonly direction: FlipDirection;
  readonly from: Effect;
  readonly to: Effect;
  readonly agent: string;
  readonly server: string;
  readonly target: string;
  /** The policy that makes the difference: it decides in the draft, or decided and is gone. Empty: none permits. */
  readonly policy: string;
  readonly count: number;
  readonly examples: readonly FlipExample[];
}

/** Calls whose outcome hangs on arguments that were not kept. */
export interface UnknownGroup {
  readonly agent: string;
  readonly server: string;
  readonly target: string;
  /** Policies of either set that read what is not known. */
  readonly policies: readonly string[];
  /** What may become of them in the draft. */
  readonly possible: readonly Effect[];
  readonly count: number;
  readonly examples: readonly FlipExample[];
}

export interface ReplayReport {
  readonly before: string;
  readonly after: string;
  /** Records given to the replay. */
  readonly calls: number;
  /** Proven to come out the same. */
  readonly unchanged: number;
  /** Proven to come out differently; the sum over `flips` and `flipsElsewhere`. */
  readonly flipped: number;
  /** Neither: the arguments were not kept, and they decide. */
  readonly unknown: number;
  readonly skipped: Readonly<Record<Unreplayable, number>>;
  /** Most frequent first. */
  readonly flips: readonly FlipGroup[];
  /** Flips beyond the number of groups that are told apart. */
  readonly flipsElsewhere: number;
  readonly unknowns: readonly UnknownGroup[];
  readonly unknownsElsewhere: number;
  /**
   * Of the calls that policies of the draft are about: those for which the policies in force now say something else than
   * was recorded.
   */
  readonly drifted: number;
  readonly from: number | undefined;
  readonly to: number | undefined;
}
