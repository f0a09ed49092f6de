import { AppError, type Clock, HOUR_MS, type IdSource, MINUTE_MS } from '../../kernel/index.ts';
import type { Actor, Agent, AgentDelegation, AgentState, IdentityChange } from '../model.ts';
import type { IdentityStore } from '../ports.ts';
import { digestOf, type RecordChange } from '../record-change.ts';
import type { Revocations } from '../revocations.ts';
import { type AgentFactsInput, checkAgentFacts } from './agent-rules.ts';
import { endsCredentials, isRestrictive, transition, unusable } from './transitions.ts';

const MAX_AGENTS = 100_000;
/** Instances and sub-agents that are over are kept this long, so that a record's id still has a name. */
const KEEP_SPAWNED_MS = HOUR_MS;
const PRUNE_EVERY_MS = MINUTE_MS;

/** An instance or sub-agent to be made. */
export interface SpawnInput {
  readonly kind: 'instance' | 'subagent';
  readonly parent: Agent;
  /** Ids from the root to the parent, as its token has them. */
  readonly parentPath: readonly string[];
  readonly blueprint: string | undefined;
  readonly purpose: string;
  /** Milliseconds since the epoch; cut to the parent's own. */
  readonly expiresAt: number;
  /** Children the parent may have at a time. */
  readonly maxChildren: number;
  /** Everything but the path's last id, which is this agent's own. */
  readonly delegation: Omit<AgentDelegation, 'path'>;
  /** Facts for the record. */
  readonly detail: Readonly<Record<string, string | number>>;
}

export interface AgentRegistry {
  /** From memory; also retired agents. */
  get(id: string): Agent | undefined;
  byName(name: string): Agent | undefined;
  /** All agents in the order of their names. */
  list(): readonly Agent[];
  /** Whether `register` would take these facts; changes nothing. Throws `IDENTITY_INVALID`, `IDENTITY_NAME_TAKEN`. */
  check(input: AgentFactsInput): void;
  /** A new agent in state `staged`. Throws `IDENTITY_INVALID`, `IDENTITY_NAME_TAKEN`, `IDENTITY_LIMIT`. */
  register(input: AgentFactsInput, by: Actor): Promise<Agent>;
  /**
   * Changes what a human stated; the name and the state stay. `expectedVersion` is the version the
   * human saw. Throws `IDENTITY_INVALID`, `IDENTITY_UNKNOWN_AGENT`, `IDENTITY_CONFLICT`.
   */
  update(
    id: string,
    expectedVersion: number,
    patch: Partial<Omit<AgentFactsInput, 'name'>>,
    by: Actor,
  ): Promise<Agent>;
  /**
   * Moves the agent to another state. Leaving the usable states is in force for the next call before
   * the promise resolves, even when recording it fails. Suspending or quarantining it ends what was issued to it so far,
   * bootstrap tokens, grants and what it handed down included: back in `active` it needs new ones. Throws `IDENTITY_TRANSITION_REFUSED`,
   * `IDENTITY_EXPIRED`, `IDENTITY_UNKNOWN_AGENT`, `IDENTITY_CONFLICT`.
   */
  transition(id: string, to: AgentState, by: Actor, expectedVersion?: number): Promise<Agent>;
  /**
   * A child of `parent`: active at once, with the parent's owners, environment, risk tier and groups, and not alive for
   * longer than it. Recorded before it exists. `adopt` gives it its key; when that throws, the child is gone again.
   * Undefined when the parent has as many children as it may. Throws `IDENTITY_LIMIT` and what `adopt` throws.
   */
  spawn(
    input: SpawnInput,
    by: Actor,
    adopt: (child: Agent) => Promise<void>,
  ): Promise<Agent | undefined>;
  /** Ids of all instances and sub-agents below one, at any depth. */
  descendants(id: string): readonly string[];
  /** Called for instances and sub-agents that are forgotten, an hour after their end. */
  onForget(listener: (id: string) => void): () => void;
  /** Called after an agent changed or expired; returns the unsubscribe function. */
  onChange(listener: (agent: Agent) => void): () => void;
  /** Reads everything again, for replicas whose peer wrote. */
  reload(): Promise<void>;
  close(): void;
}

export interface AgentRegistryDeps {
  readonly store: IdentityStore;
  readonly revocations: Pick<Revocations, 'revoke'>;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly record: RecordChange;
}

/** The register of agents. Reads come from an in-memory snapshot that each write of this process renews. */
export async function createAgentRegistry(deps: AgentRegistryDeps): Promise<AgentRegistry> {
  const { store, revocations, clock, ids, record } = deps;
  const agents = new Map<string, Agent>();
  const names = new Map<string, string>();
  const listeners = new Set<(agent: Agent) => void>();
  const forgetListeners = new Set<(id: string) => void>();
  const children = new Map<string, Set<string>>();
  const expiredTold = new Set<string>();
  let prunedAt = clock.now();
  let queue: Promise<unknown> = Promise.resolve();

  /** One change at a time: each sees the outcome of the one before. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = queue.then(work);
    queue = result.catch(() => undefined);
    return result;
  };
  const publish = (agent: Agent): void => {
    agents.set(agent.id, Object.freeze(agent));
    names.set(agent.name, agent.id);
    if (agent.parent !== undefined) {
      const siblings = children.get(agent.parent) ?? new Set();
      children.set(agent.parent, siblings.add(agent.id));
    }
    if (agent.expiresAt > clock.now()) expiredTold.delete(agent.id);
    for (const listener of listeners) listener(agent);
  };
  const need = (id: string): Agent => {
    const agent = agents.get(id);
    if (agent === undefined)
      throw new AppError('IDENTITY_UNKNOWN_AGENT', { params: { agent: printable(id) } });
    return agent;
  };
  const conflict = (agent: Agent): AppError =>
    new AppError('IDENTITY_CONFLICT', { params: { agent: agent.name } });
  const replace = async (before: Agent, after: Agent): Promise<void> => {
    if (!(await store.replaceAgent(after, before.version))) {
      await reload();
      throw conflict(before);
    }
    publish(after);
  };
  const reload = async (): Promise<void> => {
    for (const agent of await store.agents())
      if (agents.get(agent.id)?.version !== agent.version) publish(agent);
  };

  // Expiry needs no writer to take effect (every check compares times); the sweep tells open streams.
  const sweep = (): void => {
    const now = clock.now();
    for (const agent of agents.values()) {
      if (agent.expiresAt > now || expiredTold.has(agent.id)) continue;
      expiredTold.add(agent.id);
      for (const listener of listeners) listener(agent);
    }
    timer = clock.setTimeout(sweep, nextSweep());
  };
  const nextSweep = (): number => {
    const now = clock.now();
    let next = now + MINUTE_MS;
    for (const agent of agents.values())
      if (agent.expiresAt > now && agent.expiresAt < next) next = agent.expiresAt;
    return next - now;
  };

  const forget = (agent: Agent): void => {
    agents.delete(agent.id);
    names.delete(agent.name);
    expiredTold.delete(agent.id);
    if (agent.parent !== undefined) {
      const siblings = children.get(agent.parent);
      siblings?.delete(agent.id);
      if (siblings?.size === 0) children.delete(agent.parent);
    }
    for (const listener of forgetListeners) listener(agent.id);
  };
  const prune = async (now: number): Promise<void> => {
    if (now - prunedAt < PRUNE_EVERY_MS && agents.size < MAX_AGENTS) return;
    prunedAt = now;
    for (const agent of agents.values()) {
      if (agent.kind === undefined || agent.expiresAt + KEEP_SPAWNED_MS > now) continue;
      await store.deleteAgent(agent.id);
      forget(agent);
    }
  };

  await reload();
  let timer = clock.setTimeout(sweep, nextSweep());

  return {
    get: (id) => agents.get(id),
    byName(name) {
      const id = names.get(name);
      return id === undefined ? undefined : agents.get(id);
    },
    list: () => [...agents.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),

    check(input) {
      const { name } = checkAgentFacts(input, clock.now());
      if (names.has(name)) throw new AppError('IDENTITY_NAME_TAKEN', { params: { name } });
    },

    register: (input, by) =>
      inTurn(async () => {
        const now = clock.now();
        const facts = checkAgentFacts(input, now);
        const taken = (): AppError =>
          new AppError('IDENTITY_NAME_TAKEN', { params: { name: facts.name } });
        if (names.has(facts.name)) throw taken();
        if (agents.size >= MAX_AGENTS)
          throw new AppError('IDENTITY_LIMIT', { params: { limit: MAX_AGENTS, what: 'agents' } });
        const agent: Agent = {
          id: ids.next('agent'),
          ...facts,
          state: 'staged',
          createdAt: now,
          stateSince: now,
          updatedAt: now,
          version: 1,
        };
        await record(change('agent.register', undefined, agent, by, now), 'widening', async () => {
          if ((await store.insertAgent(agent)) === 'taken') throw taken();
          publish(agent);
        });
        return agent;
      }),

    spawn: (input, by, adopt) =>
      inTurn(async () => {
        const { parent } = input;
        const now = clock.now();
        await prune(now);
        let alive = 0;
        for (const id of children.get(parent.id) ?? []) {
          const child = agents.get(id);
          if (child !== undefined && unusable(child, now) === undefined) alive++;
        }
        if (alive >= input.maxChildren) return undefined;
        if (agents.size >= MAX_AGENTS)
          throw new AppError('IDENTITY_LIMIT', { params: { limit: MAX_AGENTS, what: 'agents' } });
        const id = ids.next('agent');
        const { environment, riskTier } = parent;
        const child: Agent = {
          id,
          name: `${parent.name.split('~', 1)[0]?.slice(0, 36)}~${id.slice(4).toLowerCase()}`,
          owners: parent.owners,
          purpose: input.purpose,
          groups: parent.groups,
          ...(environment === undefined ? {} : { environment }),
          ...(riskTier === undefined ? {} : { riskTier }),
          ...(input.blueprint === undefined ? {} : { blueprint: input.blueprint }),
          state: 'active',
          createdAt: now,
          stateSince: now,
          updatedAt: now,
          expiresAt: Math.min(input.expiresAt, parent.expiresAt),
          version: 1,
          kind: input.kind,
          parent: parent.id,
          delegation: {
            ...input.delegation,
            path: [...input.parentPath, id],
          },
        };
        const facts = change('agent.spawn', undefined, child, by, now);
        const detail = { ...facts.detail, parent: parent.id, kind: input.kind, ...input.detail };
        await record({ ...facts, detail }, 'widening', async () => {
          if ((await store.insertAgent(child)) === 'taken')
            throw new AppError('IDENTITY_NAME_TAKEN', { params: { name: child.name } });
          try {
            await adopt(child);
          } catch (error) {
            await store.deleteAgent(id);
            throw error;
          }
          publish(child);
        });
        return child;
      }),
    update: (id, expectedVersion, patch, by) =>
      inTurn(async () => {
        const before = need(id);
        if (before.version !== expectedVersion) throw conflict(before);
        if (before.kind !== undefined)
          throw new AppError('IDENTITY_INVALID', {
            params: { field: 'agent', problem: 'an instance or sub-agent stays as it was made' },
          });
        const now = clock.now();
        // An expired or old expiry that is not being changed must not block other corrections.
        const keepsExpiry = patch.expiresAt === undefined;
        const checked = checkAgentFacts(
          { ...before, ...patch, ...(keepsExpiry ? { expiresAt: now + 1 } : {}) },
          now,
        );
        const after: Agent = {
          ...before,
          ...checked,
          expiresAt: keepsExpiry ? before.expiresAt : checked.expiresAt,
          updatedAt: now,
          version: before.version + 1,
        };
        await record(change('agent.update', before, after, by, now), 'widening', () =>
          replace(before, after),
        );
        return after;
      }),

    transition: (id, to, by, expectedVersion) =>
      inTurn(async () => {
        const before = need(id);
        if (expectedVersion !== undefined && before.version !== expectedVersion)
          throw conflict(before);
        const now = clock.now();
        const after = transition(before, to, now);
        await record(
          change('agent.transition', before, after, by, now),
          isRestrictive(to) ? 'restricting' : 'widening',
          async () => {
            // The mark is in force before anything is awaited; that it can't be recorded must not keep the state.
            const marked = endsCredentials(to) ? revocations.revoke(id, by, id) : Promise.resolve();
            const [, replaced] = await Promise.allSettled([marked, replace(before, after)]);
            if (replaced.status === 'rejected') throw replaced.reason;
            await marked;
          },
        );
        return after;
      }),

    descendants(id) {
      const found = [...(children.get(id) ?? [])];
      // Grows while it is walked: each child adds its own. No cycles: a parent is older than its child.
      for (const child of found) found.push(...(children.get(child) ?? []));
      return found;
    },
    onForget(listener) {
      forgetListeners.add(listener);
      return () => void forgetListeners.delete(listener);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    reload: () => inTurn(reload),
    close: () => timer.cancel(),
  };
}

/** Re-exported for the authenticator, which asks on every call. */
export { unusable };

function change(
  action: IdentityChange['action'],
  before: Agent | undefined,
  after: Agent,
  actor: Actor,
  at: number,
): IdentityChange {
  return {
    action,
    agentId: after.id,
    target: after.id,
    ...(before === undefined ? {} : { before: digestOf(before) }),
    after: digestOf(after),
    detail: {
      name: after.name,
      version: after.version,
      ...(before === undefined || before.state === after.state
        ? { state: after.state }
        : { from: before.state, to: after.state }),
    },
    actor,
    at,
  };
}

function printable(id: string): string {
  return id.replace(/[^\w.@-]/g, '?').slice(0, 64);
}
