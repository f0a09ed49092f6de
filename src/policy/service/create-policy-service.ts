import { type DecideDeps, decideWith, deny, inMode } from '../decide/decide.ts';
import type { Authorize } from '../decide/evaluate-layers.ts';
import { createMayUse } from '../decide/may-use.ts';
import { createPrincipalEntities } from '../decide/principal-entities.ts';
import { createReferee } from '../host/create-referee.ts';
import { type LivePolicies, withAgents } from '../live/live-policies.ts';
import type { PolicyDirectory } from '../loader/read-directory.ts';
import type { AgentFacts, Decision, Reason, ToolDefinition } from '../model.ts';
import { createEngineSwitch } from './engine-switch.ts';
import { explainRequest } from './explain-request.ts';
import type { PolicyReport, PolicyService, PolicyServiceDeps, PolicySnapshot } from './model.ts';
import { createRefresh } from './refresh-policies.ts';

const DEFAULT_SAMPLE = 1 / 500;
const MAX_ATTEMPTS = 3;

const NOT_LOADED: Reason = {
  code: 'policy_not_loaded',
  message:
    'No policies are loaded yet, so everything is denied; an operator can see why with `sallyport policy check`.',
};
const FAULT: Reason = {
  code: 'policy_error',
  message: 'The policies could not be evaluated for this call, so it is denied.',
};

/**
 * The policy decision point. Starts without policies, denying everything, until the first `reload` succeeds.
 *
 * Guarantees: `decide` is synchronous, reads one immutable state, and answers a deny for every fault. A reload or a
 * tool change is validated in the background and swapped in whole or not at all; changes are applied one after the
 * other in the order in which they came. `compiled` replaces the evaluator in tests of the referee.
 */
export function createPolicyService(deps: PolicyServiceDeps, compiled?: Authorize): PolicyService {
  const refresh = createRefresh(deps.host);
  const engines = createEngineSwitch(compiled);
  const principal = createPrincipalEntities();
  const mayUse = createMayUse(principal);
  const listeners = new Set<() => void>();
  const tools = new Map<string, readonly ToolDefinition[]>();
  let agents: ReadonlyMap<string, AgentFacts> = new Map();
  let directory: PolicyDirectory | undefined;
  let live: LivePolicies | undefined;
  let lastReport: PolicyReport | undefined;
  let chain: Promise<unknown> = Promise.resolve();
  let toolsDirty = false;

  const referee = createReferee({
    host: deps.host,
    sample: deps.refereeSample ?? DEFAULT_SAMPLE,
    onDifference(difference) {
      engines.distrust(difference.policyVersion);
      deps.onDifference?.(difference);
    },
  });

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = chain.then(work);
    chain = result.catch(() => undefined);
    return result;
  };

  const swap = (next: LivePolicies): void => {
    const same = next.version === live?.version;
    live = next;
    if (same) return;
    for (const listener of listeners) {
      try {
        listener();
      } catch {
        // A listener's fault is its own; the policies are in force.
      }
    }
  };

  const snapshot = (): PolicySnapshot | undefined =>
    live === undefined || directory === undefined ? undefined : snapshotOf(directory, live);

  const build = async (
    from: PolicyDirectory,
    apply: 'never' | 'valid' | 'always',
  ): Promise<PolicyReport> => {
    const desired = {
      directory: from,
      tools: new Map(tools),
      agents,
      mode: deps.mode,
      draft: apply === 'never',
    };
    const { live: next, report, acceptable } = await refresh(desired, live);
    if (apply === 'never' || (apply === 'valid' && !acceptable)) return report;
    if (directory === undefined || !sameTexts(directory, from))
      await deps.beforeChange?.({ from: snapshot(), to: snapshotOf(from, next) });
    directory = from;
    // Agents may have changed while cedar-wasm was validating.
    swap(next.agents === agents ? next : withAgents(next, agents));
    return { ...report, applied: true };
  };

  /** A worker that fell over is replaced by the next job; tools must not stay unknown because of it. */
  const persistently = async (from: PolicyDirectory): Promise<PolicyReport> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await build(from, 'always');
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  };

  /** Tools changed: the policies stay, their standing towards the server is found anew. */
  const followTools = (): void => {
    if (toolsDirty) return;
    toolsDirty = true;
    const run = async (): Promise<void> => {
      toolsDirty = false;
      if (directory === undefined) return;
      lastReport = await persistently(directory);
      deps.onReport?.(lastReport);
    };
    inTurn(run).catch(() => {
      // The host failed: what is in force stays, and unknown tools stay denied. Reported by `status`.
      lastReport = lastReport === undefined ? undefined : { ...lastReport, applied: false };
    });
  };

  const decideDeps = (state: LivePolicies, observing: boolean): DecideDeps => ({
    mode: deps.mode,
    principal,
    ask: engines.for(state),
    ...(observing ? { onDecided } : {}),
  });

  const onDecided: NonNullable<DecideDeps['onDecided']> = ({ live: state, layers, prepared }) =>
    referee.consider(() => {
      const { hard, soft } = layers.enforced;
      const { entities, cedar } = prepared;
      const sets = soft === undefined ? [hard] : [hard, soft];
      return sets.map((set) => engines.decidedCase(state, set, entities, cedar));
    });

  const guarded = (work: (state: LivePolicies) => Decision): Decision => {
    const state = live;
    if (state === undefined) return inMode(deps.mode, deny('', NOT_LOADED));
    try {
      return work(state);
    } catch {
      return inMode(deps.mode, deny(state.version, FAULT));
    }
  };

  let cached:
    | { readonly state: LivePolicies; readonly trusted: boolean; readonly deps: DecideDeps }
    | undefined;

  return {
    decide: (request) =>
      guarded((state) => {
        const trusted = !engines.distrusts(state.version);
        if (cached?.state !== state || cached.trusted !== trusted)
          cached = { state, trusted, deps: decideDeps(state, trusted) };
        return decideWith(state, request, cached.deps);
      }),
    mayUse(agent, server, kind, target) {
      if (deps.mode === 'observe') return true;
      if (live === undefined) return false;
      try {
        return mayUse(live, agent, server, kind, target);
      } catch {
        // Only a list is at stake; the decision follows and fails closed.
        return false;
      }
    },
    setTools(server, definitions) {
      tools.set(server, definitions);
      followTools();
    },
    removeServer(server) {
      if (tools.delete(server)) followTools();
    },
    setAgents(list) {
      agents = new Map(list.map((agent) => [agent.name, agent]));
      if (live === undefined) return;
      try {
        live = withAgents(live, agents);
      } catch {
        // Too many or contradictory agents: requests bring the facts of their own agent anyway.
      }
    },
    version: () => live?.version ?? '',
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    reload: (from) =>
      inTurn(async () => {
        lastReport = await build(from ?? (await deps.read()), 'valid');
        return lastReport;
      }),
    check: () => inTurn(async () => build(await deps.read(), 'never')),
    snapshot,
    draft: (from) =>
      inTurn(async () => {
        const desired = { directory: from, tools, agents, mode: deps.mode, draft: true };
        const { live: next, report, acceptable } = await refresh(desired, live);
        return { snapshot: snapshotOf(from, next), report, acceptable };
      }),
    explain(request) {
      let found: ReturnType<typeof explainRequest> | undefined;
      const decision = guarded((state) => {
        found = explainRequest(state, request, decideDeps(state, false));
        return found.decision;
      });
      return found ?? { decision, holding: [], nearMisses: [] };
    },
    status: () => ({
      version: live?.version ?? '',
      mode: deps.mode,
      engine:
        live === undefined ? 'none' : engines.distrusts(live.version) ? 'cedar-wasm' : 'compiled',
      policies: lastReport?.policies ?? [],
      servers: [...(live?.servers.values() ?? [])].map((schema) => ({
        name: schema.server,
        tools: schema.tools.size,
        digest: schema.digest,
      })),
      findings: [...(live?.servers.values() ?? [])].flatMap((schema) => schema.findings),
      agents: agents.size,
      referee: referee.status(),
      lastReport,
    }),
    async idle() {
      let seen: Promise<unknown> | undefined;
      while (seen !== chain) {
        seen = chain;
        await seen;
      }
      await referee.idle();
    },
  };
}

function snapshotOf(source: PolicyDirectory, live: LivePolicies): PolicySnapshot {
  return { version: live.version, source, live };
}

function sameTexts(a: PolicyDirectory, b: PolicyDirectory): boolean {
  if (a === b) return true;
  if (a.effectsText !== b.effectsText || a.files.length !== b.files.length) return false;
  return a.files.every(
    ({ name, text }, i) => b.files[i]?.name === name && b.files[i].text === text,
  );
}
