import type { Clock, Logger, Random } from '../../kernel/index.ts';
import type { Sealer } from '../wire/seal.ts';
import type { LiveCall } from './live-call.ts';
import type { ParkedCalls } from './parked-calls.ts';
import type { SpentStates } from './spent-states.ts';
import type { TaskIds } from './task-ids.ts';

/** Bounds of the broker; times in milliseconds. */
export interface BrokerLimits {
  /** Rounds of questions in one call. */
  readonly maxRounds: number;
  /** How long one question may stay open, and how long a call is parked for its answer. */
  readonly legMs: number;
  /** Pause before a retry that carries state and no answers. */
  readonly pacingMs: number;
  /** Questions in one round. */
  readonly maxAsks: number;
  readonly maxParked: number;
  readonly maxParkedPerOwner: number;
  /** A result that arrives while its call is parked is kept up to this length (UTF-16 units). */
  readonly maxParkedResult: number;
  /** Longest `requestState` of an upstream that we wrap (bytes of its JSON text). */
  readonly maxUpstreamState: number;
  /** How long a wrapped `requestState` is accepted. */
  readonly stateTtlMs: number;
  readonly taskTtlMs: number;
}

export const BROKER_LIMITS: BrokerLimits = {
  maxRounds: 8,
  legMs: 600_000,
  pacingMs: 250,
  maxAsks: 16,
  maxParked: 1_000,
  maxParkedPerOwner: 20,
  maxParkedResult: 1_048_576,
  // A sealed token may have 16 KiB, and base64 goes over the state twice.
  maxUpstreamState: 8_192,
  stateTtlMs: 600_000,
  taskTtlMs: 30 * 86_400_000,
};

/** What every pairing of the broker works with. */
export interface BrokerContext {
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Name of this process; sealed into the state of parked calls, because only this process can resume them. */
  readonly instance: string;
  readonly limits: BrokerLimits;
  readonly parked: ParkedCalls<LiveCall>;
  readonly spent: SpentStates;
  readonly tasks: TaskIds;
}
