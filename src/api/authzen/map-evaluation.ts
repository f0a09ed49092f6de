import type { Agent } from '../../identity/index.ts';
import {
  type ActionKind,
  type AgentFacts,
  type JsonValue,
  kindOfMethod,
} from '../../policy/index.ts';
import type { Evaluation } from './shapes.ts';

/** An evaluation in the words of our decision point. The session is added by the caller. */
export interface MappedEvaluation {
  readonly agent: AgentFacts;
  readonly user?: string;
  readonly kind: ActionKind;
  readonly method: string;
  readonly server: string;
  readonly target: string;
  readonly arguments?: { readonly [key: string]: JsonValue };
}

export type Mapping =
  | { readonly ok: true; readonly request: MappedEvaluation }
  /** `agent` as far as it is known, for the record. */
  | {
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      readonly agent?: AgentFacts;
    };

export interface MapDeps {
  /** By name or id. */
  agent(name: string): Agent | undefined;
  now: number;
}

/** Short names beside the MCP methods. */
const METHODS: ReadonlyMap<string, string> = new Map([
  ['call', 'tools/call'],
  ['read', 'resources/read'],
  ['get', 'prompts/get'],
]);
const TYPE_OF: Partial<Record<ActionKind, string>> = {
  tool: 'tool',
  resource: 'resource',
  prompt: 'prompt',
};

const no = (code: string, message: string, agent?: AgentFacts): Mapping => ({
  ok: false,
  code,
  message,
  ...(agent === undefined ? {} : { agent }),
});

/**
 * Subject: `agent` by name or id, or `user` (or `identity`) with the agent in `context.agent`. Action: an MCP method, or
 * `call`, `read`, `get`. Resource: `tool` and `prompt` as `server/name`, `resource` by its URI with its server in
 * `properties.server`, `server` by name. Arguments: `context.arguments`. Properties of the caller count for nothing
 * else: what policy knows of an agent or a tool comes from our own registers.
 */
export function mapEvaluation(evaluation: Evaluation, deps: MapDeps): Mapping {
  const { subject, action, resource, context = {} } = evaluation;
  const isUser = subject.type === 'user' || subject.type === 'identity';
  const named = isUser ? context['agent'] : subject.type === 'agent' ? subject.id : undefined;
  if (typeof named !== 'string')
    return no(
      'subject_unsupported',
      'The subject must be an agent, or a user with the name of the agent in context.agent.',
    );
  const found = deps.agent(named);
  if (found === undefined) return no('agent_unknown', 'No agent of this name is registered.');
  const agent = factsOf(found);
  if (found.state !== 'active' || found.expiresAt <= deps.now)
    return no('agent_not_active', 'The agent is not in service.', agent);

  const method = METHODS.get(action.name) ?? action.name;
  const kind = kindOfMethod(method);
  const at = placeOf(kind, method, resource);
  if (at === undefined)
    return no(
      'resource_unsupported',
      'The resource does not fit the action: tools and prompts are server/name, resources name their server in properties.server, everything else is a server.',
      agent,
    );
  const args = context['arguments'];
  if (args !== undefined && (typeof args !== 'object' || args === null || Array.isArray(args)))
    return no('arguments_invalid', 'context.arguments must be an object.', agent);
  return {
    ok: true,
    request: {
      agent,
      ...(isUser ? { user: subject.id } : {}),
      kind,
      method,
      ...at,
      ...(args === undefined ? {} : { arguments: args as MappedEvaluation['arguments'] & object }),
    },
  };
}

function placeOf(
  kind: ActionKind,
  method: string,
  resource: Evaluation['resource'],
): { readonly server: string; readonly target: string } | undefined {
  if (resource.type !== (TYPE_OF[kind] ?? 'server')) return undefined;
  if (kind === 'resource') {
    const server = resource.properties?.['server'];
    return typeof server === 'string' && server !== ''
      ? { server, target: resource.id }
      : undefined;
  }
  if (kind !== 'tool' && kind !== 'prompt') return { server: resource.id, target: method };
  // Names of servers hold no slash; those of tools may.
  const slash = resource.id.indexOf('/');
  if (slash <= 0 || slash === resource.id.length - 1) return undefined;
  return { server: resource.id.slice(0, slash), target: resource.id.slice(slash + 1) };
}

export function factsOf(agent: Agent): AgentFacts {
  return {
    id: agent.id,
    name: agent.name,
    owner: agent.owners[0] ?? '',
    groups: agent.groups,
    ...(agent.blueprint === undefined ? {} : { blueprint: agent.blueprint }),
    ...(agent.environment === undefined ? {} : { environment: agent.environment }),
    ...(agent.riskTier === undefined ? {} : { riskTier: agent.riskTier }),
  };
}
