import {
  type EntityInput,
  type EntitySnapshot,
  type EntityUid,
  mayEverAllow,
} from '../cedar/index.ts';
import type { LivePolicies } from '../live/live-policies.ts';
import { agentUid, changed, entity, serverUid } from '../live/resident-entities.ts';
import { NO_SERVER } from '../loader/validate-policies.ts';
import type { ActionKind, AgentFacts } from '../model.ts';
import { itemUids, resourceAttributes } from './prepare-request.ts';
import type { PrincipalEntities } from './principal-entities.ts';

/** Items remembered per agent and version; attacker-chosen names must not grow memory. */
const MAX_REMEMBERED = 5_000;

export type MayUse = (
  live: LivePolicies,
  agent: AgentFacts,
  server: string,
  kind: ActionKind,
  target: string,
) => boolean;

/**
 * Whether some arguments could lead to allow or hold. Forbids with `@approval` do not count: they hold. Cached per
 * (version, agent facts, item).
 */
export function createMayUse(principal: PrincipalEntities): MayUse {
  const cache = new WeakMap<AgentFacts, { live: LivePolicies; items: Map<string, boolean> }>();
  return (live, agent, server, kind, target) => {
    let entry = cache.get(agent);
    if (entry === undefined || entry.live !== live) {
      entry = { live, items: new Map() };
      cache.set(agent, entry);
    }
    const key = `${kind}\0${server}\0${target}`;
    const hit = entry.items.get(key);
    if (hit !== undefined) return hit;
    const answer = possible(live, agent, server, kind, target, principal);
    if (entry.items.size >= MAX_REMEMBERED) entry.items.clear();
    entry.items.set(key, answer);
    return answer;
  };
}

/** A resource that is no resident stands for itself, inside its server, as a decision would see it. */
export function placeholders(
  base: EntitySnapshot,
  server: string,
  resource: EntityUid,
  target: string,
): EntityInput[] {
  const parent = serverUid(server);
  const parents = base.find(parent) === undefined ? [entity(parent)] : [];
  if (resource.type === 'Server') return parents;
  return [...parents, entity(resource, [parent], resourceAttributes(resource.type, target))];
}

function possible(
  live: LivePolicies,
  agent: AgentFacts,
  server: string,
  kind: ActionKind,
  target: string,
  principal: PrincipalEntities,
): boolean {
  const uids = itemUids(live, server, kind, target);
  const layers = live.layers.get(server) ?? live.layers.get(NO_SERVER);
  if (uids === undefined || layers === undefined) return false;
  const { action, resource } = uids;
  const base = principal(live, agent);
  const policies = layers.enforced.hard;
  const request = { principal: agentUid(agent.name), action, resource };
  const put = base.find(resource) === undefined ? placeholders(base, server, resource, target) : [];
  const entities = put.length === 0 ? base : changed(base, put);
  return mayEverAllow({ policies, entities }, request) !== 'never';
}
