import type { Principal } from '../../identity/index.ts';
import type { Clock, Logger, Random } from '../../kernel/index.ts';
import type { Broker, ForwardTarget, InboundRequest, Reply, UpstreamConnection } from '../model.ts';
import type { Sealer } from '../wire/seal.ts';
import { BROKER_LIMITS, type BrokerContext, type BrokerLimits } from './context.ts';
import { cancelledFault, faultReply } from './fault-reply.ts';
import { legacyOnLegacy } from './legacy-on-legacy.ts';
import { legacyOnModern } from './legacy-on-modern.ts';
import type { LiveCall } from './live-call.ts';
import { modernOnLegacy } from './modern-on-legacy.ts';
import { modernOnModern } from './modern-on-modern.ts';
import { ownerKey } from './owner-key.ts';
import { createParkedCalls } from './parked-calls.ts';
import type { TaskNames } from './sort-notification.ts';
import { createSpentStates, type SpentStates } from './spent-states.ts';
import { createTaskIds } from './task-ids.ts';

export interface BrokerDeps {
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Unique name of this process among its replicas and over restarts. */
  readonly instance: string;
  readonly limits?: Partial<BrokerLimits>;
  /** Shared over replicas where single use of states must hold across them; this process's memory when absent. */
  readonly spent?: SpentStates;
}

export interface RunningBroker extends Broker {
  /** Which server a task id of ours belongs to, for routing; the owner is checked by `exchange`. */
  serverOfTask(taskId: string): string | undefined;
  /** The same ids for subscriptions of one principal. */
  taskNames(principal: Principal): TaskNames;
  /** Gives up the parked calls of an agent (revoked, suspended): their upstream calls are cancelled. */
  dropAgent(agentId: string): void;
  /** Parked calls now. */
  parkedCalls(): number;
  /** Gives up every parked call. */
  close(): void;
}

const SPENT_PER_OWNER = 1_000;

/**
 * Carries decided requests between the eras: legacy or modern client on a legacy or modern upstream. `exchange` never
 * rejects: faults become JSON-RPC errors (-32603 with `data.code`), refusals of a running tool call become results with
 * `isError`. Between equal eras messages stay byte for byte; see README.md for what is changed and why.
 */
export function createBroker(deps: BrokerDeps): RunningBroker {
  const limits: BrokerLimits = { ...BROKER_LIMITS, ...deps.limits };
  const { sealer, clock, random, logger, instance } = deps;
  const parked = createParkedCalls<LiveCall>({
    clock,
    max: limits.maxParked,
    maxPerOwner: limits.maxParkedPerOwner,
  });
  const context: BrokerContext = {
    sealer,
    clock,
    random,
    logger,
    instance,
    limits,
    parked,
    spent:
      deps.spent ??
      createSpentStates({ clock, ttlMs: limits.stateTtlMs, maxPerOwner: SPENT_PER_OWNER }),
    tasks: createTaskIds(sealer, limits.taskTtlMs),
  };
  return {
    async exchange(connection, request, target) {
      try {
        if (request.downstream.signal.aborted) throw cancelledFault();
        return await pairing(context, connection, request, target);
      } catch (fault) {
        return faultReply(fault, target, logger);
      }
    },
    serverOfTask: (taskId) => context.tasks.serverOf(taskId),
    taskNames(principal) {
      const owner = ownerKey(principal);
      return {
        toServer: (server, taskId) => context.tasks.unwrap(owner, server, taskId),
        toClient: (server, taskId) => context.tasks.wrap(owner, server, taskId),
      };
    },
    dropAgent: (agentId) => parked.dropAgent(agentId),
    parkedCalls: () => parked.size(),
    close: () => parked.close(),
  };
}

function pairing(
  context: BrokerContext,
  connection: UpstreamConnection,
  request: InboundRequest,
  target: ForwardTarget,
): Promise<Reply> {
  if (request.downstream.client.era === 'modern') {
    return connection.info.era === 'modern'
      ? modernOnModern(context, connection, request, target)
      : modernOnLegacy(context, connection, request, target);
  }
  return connection.info.era === 'modern'
    ? legacyOnModern(context, connection, request, target)
    : legacyOnLegacy(context, connection, request, target);
}
