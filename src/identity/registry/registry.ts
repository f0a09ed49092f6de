import { AppError, type Clock, type IdSource, MINUTE_MS } from '../../kernel/index.ts';
import type { Actor, Agent, AgentState, IdentityChange } from '../model.ts';
import type { IdentityStore } from '../ports.ts';
import { digestOf, type RecordChange } from '../record-change.ts';
import { type AgentFactsInput, checkAgentFacts } from './agent-rules.ts';
import { isRestrictive, transition, unusable } from './transitions.ts';

const MAX_AGENTS = 100_000;

export interface AgentRegistry {
  /** From memory; also retired agents. */
  get(id: string): Agent | undefined;
  byName(name: string): Agent | undefined;
  /** All agents in the order of their names. */
  list(): readonly Agent[];
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
   * the promise resolves, even when recording it fails. Throws `IDENTITY_TRANSITION_REFUSED`,
   * `IDENTITY_EXPIRED`, `IDENTITY_UNKNOWN_AGENT`, `IDENTITY_CONFLICT`.
   */
  transition(id: string, to: AgentState, by: Actor, expectedVersion?: number): Promise<Agent>;
  /** Called after an agent changed or expired; returns the unsubscribe function. */
  onChange(listener: (agent: Agent) => void): () => void;
  /** Reads everything again, for replicas whose peer wrote. */
  reload(): Promise<void>;
  close(): void;
}

export interface AgentRegistryDeps {
  readonly store: IdentityStore;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly record: RecordChange;
}

/** The register of agents. Reads come from an in-memory snapshot that each write of this process renews. */
export async function createAgentRegistry(deps: AgentRegistryDeps): Promise<AgentRegistry> {
  const { store, clock, ids, record } = deps;
  const agents = new Map<string, Agent>();
  const names = new Map<string, string>();
  const listeners = new Set<(agent: Agent) => void>();
  const expiredTold = new Set<string>();
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

  await reload();
  let timer = clock.setTimeout(sweep, nextSweep());

  return {
    get: (id) => agents.get(id),
    byName(name) {
      const id = names.get(name);
      return id === undefined ? undefined : agents.get(id);
    },
    list: () => [...agents.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),

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

    update: (id, expectedVersion, patch, by) =>
      inTurn(async () => {
        const before = need(id);
        if (before.version !== expectedVersion) throw conflict(before);
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
          () => replace(before, after),
        );
        return after;
      }),

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
