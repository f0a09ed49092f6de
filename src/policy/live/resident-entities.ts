import {
  CedarRecord,
  type EntityInput,
  EntitySnapshot,
  EntityUid,
  type Value,
} from '../cedar/index.ts';
import type { AgentFacts } from '../model.ts';
import { EFFECT_GROUPS } from '../schema/effect-group.ts';
import { ROOT_ACTION_KINDS } from '../schema/root-schema.ts';
import type { ServerSchema } from '../schema/server-schema.ts';

export const agentUid = (name: string): EntityUid => new EntityUid('Agent', name);
export const serverUid = (name: string): EntityUid => new EntityUid('Server', name);
const actionUid = (name: string): EntityUid => new EntityUid('Action', name);

export function record(fields: Readonly<Record<string, Value>>): CedarRecord {
  return new CedarRecord(new Map(Object.entries(fields)));
}

export function entity(
  uid: EntityUid,
  parents: readonly EntityUid[] = [],
  attrs: CedarRecord = CedarRecord.empty,
): EntityInput {
  return { uid, attrs, tags: CedarRecord.empty, parents };
}

/** Action groups as the root schema declares them, and every server with its tools. */
export function schemaEntities(servers: Iterable<ServerSchema>): EntityInput[] {
  const any = actionUid('any');
  const call = actionUid('call');
  const change = actionUid('change');
  const out = [entity(any), entity(call, [any]), entity(change, [call])];
  for (const group of EFFECT_GROUPS)
    out.push(entity(actionUid(group), [group === 'read' ? call : change]));
  for (const kind of ROOT_ACTION_KINDS) out.push(entity(actionUid(kind), [any]));
  for (const schema of servers) {
    const server = serverUid(schema.server);
    out.push(entity(server));
    for (const tool of schema.tools.values()) {
      out.push(entity(tool.action, [actionUid(tool.group)]));
      const attrs = record({ name: tool.name, effect: tool.group, accepted: tool.accepted });
      out.push(entity(tool.resource, [server], attrs));
    }
  }
  return out;
}

/** An agent with the entities it hangs on. Agents are named by their names, which the registry keeps unique. */
export function agentEntities(agent: AgentFacts): EntityInput[] {
  const owner = new EntityUid('User', agent.owner);
  const groups = [...new Set(agent.groups ?? [])].map((name) => new EntityUid('Group', name));
  const blueprint =
    agent.blueprint === undefined ? [] : [new EntityUid('Blueprint', agent.blueprint)];
  const parents = [...groups, ...blueprint];
  const attrs = record({
    id: agent.id,
    name: agent.name,
    owner,
    ...(agent.environment === undefined ? {} : { environment: agent.environment }),
    ...(agent.riskTier === undefined ? {} : { riskTier: agent.riskTier }),
  });
  return [
    entity(owner),
    ...parents.map((uid) => entity(uid)),
    entity(agentUid(agent.name), parents, attrs),
  ];
}

/** All resident entities. What several agents share is written once. */
export function residentEntities(
  servers: Iterable<ServerSchema>,
  agents: Iterable<AgentFacts>,
): EntitySnapshot {
  const put = schemaEntities(servers);
  const seen = new Set<string>();
  for (const agent of agents) {
    for (const one of agentEntities(agent)) {
      const key = `${one.uid.type}\0${one.uid.id}`;
      if (seen.has(key)) continue;
      seen.add(key);
      put.push(one);
    }
  }
  return changed(EntitySnapshot.empty, put);
}

/** @throws Error when the entities contradict the limits of the evaluator; the caller keeps what it had. */
export function changed(before: EntitySnapshot, put: readonly EntityInput[]): EntitySnapshot {
  const after = before.with({ put });
  if (!after.ok) throw new Error(`entities: ${after.error.at}: ${after.error.problem}`);
  return after.value;
}
