import type { Principal } from '../../identity/index.ts';
import type { ClientFacts, ForwardTarget, InboundRequest, RawJson } from '../model.ts';
import { rawAsString, rawDelete, rawGet, rawObject, rawSet, rawString } from '../wire/raw-json.ts';
import { isAsk, missingCapability } from './ask-capability.ts';
import type { BrokerContext } from './context.ts';
import { readInputRequests } from './input-required.ts';
import { withOurId } from './legacy-tasks.ts';
import { ownerKey } from './owner-key.ts';

export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

export function declaresTasks(client: Pick<ClientFacts, 'capabilities'>): boolean {
  const extensions = rawGet(client.capabilities, 'extensions');
  return extensions !== undefined && rawGet(extensions, TASKS_EXTENSION) !== undefined;
}

/** Params of `tasks/get`, `tasks/update`, `tasks/cancel` with the server's own id; undefined for an unknown task. */
export function modernTaskParams(
  context: Pick<BrokerContext, 'tasks'>,
  principal: Principal,
  server: string,
  params: RawJson | undefined,
): RawJson | undefined {
  const raw = params === undefined ? undefined : rawGet(params, 'taskId');
  if (params === undefined || raw === undefined) return undefined;
  const id = context.tasks.unwrap(ownerKey(principal), server, rawAsString(raw) ?? '');
  return id === undefined ? undefined : rawSet(params, 'taskId', rawString(id));
}

export function withOurTaskId(
  context: Pick<BrokerContext, 'tasks'>,
  principal: Principal,
  server: string,
  result: RawJson,
): RawJson {
  return withOurId(context, ownerKey(principal), server, result);
}

/**
 * A task as the client may see it: the id it holds already, and of the task's questions those that the client declared
 * and policy allows. A withheld question leaves the task waiting, which its owner can cancel.
 */
export async function modernTaskResult(
  context: Pick<BrokerContext, 'tasks' | 'limits' | 'logger'>,
  request: InboundRequest,
  target: ForwardTarget,
  result: RawJson,
): Promise<RawJson> {
  const held = request.params === undefined ? undefined : rawGet(request.params, 'taskId');
  const named =
    held !== undefined && rawGet(result, 'taskId') !== undefined
      ? rawSet(result, 'taskId', held)
      : result;
  const requests = rawGet(named, 'inputRequests');
  if (requests === undefined) return named;
  const shown: Array<readonly [string, RawJson]> = [];
  const asks = readInputRequests(target.server, requests, context.limits.maxAsks);
  for (const { key, method, params } of asks) {
    const value = rawGet(requests, key);
    const declared =
      isAsk(method) && missingCapability(request.downstream.client, method, params) === undefined;
    if (value !== undefined && declared && (await target.permitAsk(method, params)))
      shown.push([key, value]);
  }
  if (shown.length === asks.length) return named;
  context.logger.warn(
    { server: target.server, call: target.call, withheld: asks.length - shown.length },
    'questions of a task were withheld',
  );
  return shown.length === 0
    ? rawDelete(named, 'inputRequests')
    : rawSet(named, 'inputRequests', rawObject(shown));
}
