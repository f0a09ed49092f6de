import { canonicalJson, sha256Hex } from '../../kernel/index.ts';
import { type DemandedViews, demandedViews } from '../arguments/demanded-views.ts';
import type { CompiledPolicy, EntitySnapshot } from '../cedar/index.ts';
import type { LoadedPolicy } from '../loader/policy-source.ts';
import { NO_SERVER, type Standing, type Standings } from '../loader/validate-policies.ts';
import type { AgentFacts } from '../model.ts';
import type { ServerSchema } from '../schema/server-schema.ts';
import { type Misspelt, misspeltForbids } from './misspelt-forbids.ts';
import { layersFor, type ServerLayers } from './policy-layers.ts';
import { residentEntities } from './resident-entities.ts';

/** Everything a decision reads, immutable; a change builds another and swaps it in. */
export interface LivePolicies {
  readonly version: string;
  readonly policies: ReadonlyMap<string, LoadedPolicy>;
  readonly servers: ReadonlyMap<string, ServerSchema>;
  readonly standings: Standings;
  readonly layers: ReadonlyMap<string, ServerLayers>;
  readonly entities: EntitySnapshot;
  /** By name. */
  readonly agents: ReadonlyMap<string, AgentFacts>;
  readonly views: DemandedViews;
  /** By server, then by tool: forbids that probably mean the tool and do not name it. */
  readonly misspelt: ReadonlyMap<string, ReadonlyMap<string, Misspelt>>;
}

export interface LiveInput {
  readonly policies: readonly LoadedPolicy[];
  readonly servers: ReadonlyMap<string, ServerSchema>;
  readonly standings: Standings;
  readonly agents: ReadonlyMap<string, AgentFacts>;
  readonly mode: string;
  readonly pass: CompiledPolicy;
}

const NO_STANDINGS: ReadonlyMap<string, Standing> = new Map();

/** @throws Error when a bound of the evaluator is exceeded; the caller keeps what it had. */
export function livePolicies(input: LiveInput): LivePolicies {
  const { policies, servers, standings, agents } = input;
  const layers = new Map<string, ServerLayers>();
  for (const server of [NO_SERVER, ...servers.keys()])
    layers.set(server, layersFor(policies, standings.get(server) ?? NO_STANDINGS, input.pass));
  const inForce = policies.filter((policy) => policy.annotations.mode !== 'off');
  return {
    version: versionOf(input),
    policies: new Map(policies.map((policy) => [policy.id, policy])),
    servers,
    standings,
    layers,
    entities: residentEntities(servers.values(), agents.values()),
    agents,
    views: demandedViews(inForce.map((policy) => policy.est)),
    misspelt: misspeltForbids(policies, servers.values()),
  };
}

/**
 * Names what decides: policy texts, schemas, standings and mode. Agents are left out, since each decision is recorded
 * with the facts of its agent.
 */
function versionOf({ policies, servers, standings, mode }: LiveInput): string {
  const states = [...standings].map(([server, byPolicy]) => [
    server,
    [...byPolicy].map(([id, { state }]) => `${id}=${state}`).sort(),
  ]);
  const text = canonicalJson({
    mode,
    policies: policies.map((policy) => [policy.id, policy.digest]).sort(byFirst),
    schemas: [...servers.values()].map((schema) => [schema.server, schema.digest]).sort(byFirst),
    states: states.sort(byFirst),
  });
  return `p_${sha256Hex(text).slice(0, 24)}`;
}

function byFirst(a: readonly unknown[], b: readonly unknown[]): number {
  const [left, right] = [String(a[0]), String(b[0])];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The same policies with other agents. The version stays: see `versionOf`. */
export function withAgents(
  live: LivePolicies,
  agents: ReadonlyMap<string, AgentFacts>,
): LivePolicies {
  return { ...live, agents, entities: residentEntities(live.servers.values(), agents.values()) };
}
