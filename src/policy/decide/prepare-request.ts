import { argumentViews } from '../arguments/argument-views.ts';
import { unseenArguments } from '../arguments/convert-arguments.ts';
import {
  CedarRecord,
  type CedarRequest,
  CedarSet,
  Datetime,
  type EntitySnapshot,
  EntityUid,
  type Value,
} from '../cedar/index.ts';
import type { LivePolicies } from '../live/live-policies.ts';
import { agentUid, changed, entity, record, serverUid } from '../live/resident-entities.ts';
import type { ActionRequest, Reason } from '../model.ts';
import { RESOURCE_OF, type RootActionKind } from '../schema/root-schema.ts';
import { toolUid } from '../schema/server-schema.ts';

/** A request in Cedar's words, or why it cannot be put into them. */
export type Prepared =
  | { readonly ok: true; readonly cedar: CedarRequest; readonly entities: EntitySnapshot }
  | { readonly ok: false; readonly reason: Reason };

const DAY = 86_400_000;
const NO_EXTRA_ARGS = new CedarSet([]);
const CONTEXT = ['session', 'input', 'paths', 'urls'];
const SESSION = ['now', 'weekday', 'transport', 'era', 'method', 'approved', 'extraArgs'];
const MAX_URI = 8 * 1024;
const ROOT_ACTIONS: ReadonlyMap<string, EntityUid> = new Map(
  Object.keys(RESOURCE_OF).map((kind) => [kind, new EntityUid('Action', kind)]),
);

/**
 * Puts a request into Cedar's words. `entities` must hold the agent already. Arguments go through the converter of
 * their tool and nothing else, so no argument can pose as an entity.
 */
export function prepareRequest(
  live: LivePolicies,
  entities: EntitySnapshot,
  request: ActionRequest,
): Prepared {
  return request.kind === 'tool'
    ? prepareTool(live, entities, request)
    : prepareOther(live, entities, request, request.kind);
}

function prepareTool(
  live: LivePolicies,
  entities: EntitySnapshot,
  request: ActionRequest,
): Prepared {
  const tool = live.servers.get(request.server)?.tools.get(request.target);
  if (tool === undefined) return { ok: false, reason: unknownTool(live, request) };
  const converted = (tool.convert ?? unseenArguments)(request.arguments);
  if (!converted.ok) {
    const { at, problem } = converted;
    const subject = at === '' ? 'the arguments' : `argument ${JSON.stringify(at.slice(0, 100))}`;
    return { ok: false, reason: invalid(`${subject} ${problem}; correct it and call again`) };
  }
  const { input, extra, unseen } = converted;
  // What can't be seen can't be viewed either, and must not look absent.
  const viewed = unseen.length === 0 ? tool.viewed : [...tool.viewed, ...unseen];
  const { paths, urls } = argumentViews(input, viewed, live.views);
  const context = CedarRecord.of(CONTEXT, [session(request, extra), input, paths, urls]);
  const principal = agentUid(request.agent.name);
  return {
    ok: true,
    entities,
    cedar: { principal, action: tool.action, resource: tool.resource, context },
  };
}

function prepareOther(
  live: LivePolicies,
  entities: EntitySnapshot,
  request: ActionRequest,
  kind: RootActionKind,
): Prepared {
  const action = ROOT_ACTIONS.get(kind);
  if (action === undefined)
    return { ok: false, reason: invalid('this kind of request is unknown') };
  const server = serverUid(request.server);
  const put = entities.find(server) === undefined ? [entity(server)] : [];
  const fields = new Map<string, Value>([['session', session(request, [])]]);
  let resource = server;
  if (kind === 'resource') {
    if (request.target.length > MAX_URI)
      return {
        ok: false,
        reason: invalid(`the resource URI is longer than ${MAX_URI} characters`),
      };
    const uri = request.target;
    resource = new EntityUid('Resource', uri);
    const scheme = schemeOf(uri);
    put.push(entity(resource, [server], resourceAttributes('Resource', uri)));
    const input = record({ uri });
    const demanded = scheme === 'file' ? live.views : { ...live.views, paths: new Set<string>() };
    const { paths, urls } = argumentViews(input, ['uri'], demanded);
    fields.set('input', input).set('paths', paths).set('urls', urls);
  } else if (kind === 'prompt') {
    resource = new EntityUid('Prompt', `${request.server}/${request.target}`);
    put.push(entity(resource, [server], resourceAttributes('Prompt', request.target)));
  } else if (kind === 'task') {
    resource = new EntityUid('Task', `${request.server}/${request.target}`);
    put.push(entity(resource, [server]));
  }
  const principal = agentUid(request.agent.name);
  const context = new CedarRecord(fields);
  return {
    ok: true,
    entities: put.length === 0 ? entities : changed(entities, put),
    cedar: { principal, action, resource, context },
  };
}

/** The action and resource of an item, without arguments; undefined when policy does not know the tool. */
export function itemUids(
  live: LivePolicies,
  server: string,
  kind: ActionRequest['kind'],
  target: string,
): { readonly action: EntityUid; readonly resource: EntityUid } | undefined {
  if (kind === 'tool') {
    const tool = live.servers.get(server)?.tools.get(target);
    return tool === undefined
      ? undefined
      : { action: tool.action, resource: toolUid(server, target) };
  }
  const action = ROOT_ACTIONS.get(kind);
  if (action === undefined) return undefined;
  const type = RESOURCE_OF[kind];
  if (type === 'Server') return { action, resource: serverUid(server) };
  const id = type === 'Resource' ? target : `${server}/${target}`;
  return { action, resource: new EntityUid(type, id) };
}

function session(request: ActionRequest, extra: readonly string[]): CedarRecord {
  const { now, transport, era, sessionId, taskId, approved } = request.session;
  const values: Value[] = [
    new Datetime(BigInt(Math.trunc(now))),
    // Day 0 of the epoch was a Thursday; ISO 8601 counts Monday as 1.
    ((((Math.floor(now / DAY) + 3) % 7) + 7) % 7) + 1,
    transport,
    era,
    request.method,
    approved === true,
    extra.length === 0 ? NO_EXTRA_ARGS : new CedarSet(extra),
  ];
  const optional = request.user !== undefined || sessionId !== undefined || taskId !== undefined;
  if (!optional) return CedarRecord.of(SESSION, values);
  const names = [...SESSION];
  const put = (name: string, value: Value | undefined): void => {
    if (value === undefined) return;
    names.push(name);
    values.push(value);
  };
  put('onBehalfOf', request.user === undefined ? undefined : new EntityUid('User', request.user));
  put('id', sessionId);
  put('task', taskId);
  return CedarRecord.of(names, values);
}

/** The attributes that the root schema gives to resources and prompts. */
export function resourceAttributes(type: string, target: string): CedarRecord {
  if (type === 'Resource') return record({ uri: target, scheme: schemeOf(target) });
  return type === 'Prompt' ? record({ name: target }) : CedarRecord.empty;
}

function schemeOf(uri: string): string {
  return /^([A-Za-z][A-Za-z0-9+.-]{0,63}):/.exec(uri)?.[1]?.toLowerCase() ?? '';
}

function invalid(message: string): Reason {
  return {
    code: 'arguments_invalid',
    message: `${message.charAt(0).toUpperCase()}${message.slice(1)}.`,
  };
}

function unknownTool(live: LivePolicies, request: ActionRequest): Reason {
  const known = live.servers.has(request.server);
  const message = known
    ? `Policy knows no tool of this name on server ${request.server}; list the tools again.`
    : `Policy has not seen the tools of server ${request.server} yet; try again in a moment.`;
  return { code: known ? 'unknown_tool' : 'server_pending', message };
}
