import type { Principal } from '../../identity/index.ts';
import type { RawJson } from '../model.ts';
import { META } from '../wire/envelope.ts';
import {
  rawArray,
  rawAsString,
  rawGet,
  rawItems,
  rawKind,
  rawSet,
  rawString,
} from '../wire/raw-json.ts';
import type { BrokerContext } from './context.ts';
import { protocolFault } from './fault-reply.ts';
import { ownerKey } from './owner-key.ts';

/** True for `tasks/*` and for a `tools/call` that asks to run as a task (2025-11-25). */
export function touchesTasks(method: string, params: RawJson | undefined): boolean {
  if (method !== 'tools/call') return method.startsWith('tasks/');
  if (params === undefined || !(params.includes('"task"') || params.includes('\\u'))) return false;
  return rawGet(params, 'task') !== undefined;
}

/** Params of `tasks/*` with the server's own id; undefined when the id is not one of this owner at this server. */
export function legacyTaskParams(
  context: Pick<BrokerContext, 'tasks'>,
  principal: Principal,
  server: string,
  method: string,
  params: RawJson | undefined,
): { readonly params: RawJson | undefined } | undefined {
  const raw = params === undefined ? undefined : rawGet(params, 'taskId');
  if (params === undefined || raw === undefined)
    return method === 'tasks/list' ? { params } : undefined;
  const id = context.tasks.unwrap(ownerKey(principal), server, rawAsString(raw) ?? '');
  return id === undefined ? undefined : { params: rawSet(params, 'taskId', rawString(id)) };
}

/** Puts our ids where 2025-11-25 has the server's: `task`, `tasks[]`, top-level `taskId` and the related-task `_meta`. */
export function legacyTaskResult(
  context: Pick<BrokerContext, 'tasks'>,
  principal: Principal,
  server: string,
  method: string,
  result: RawJson,
): RawJson {
  const owner = ownerKey(principal);
  let next = relatedTaskFor(context, principal, server, result) ?? result;
  const created = method === 'tools/call' ? rawGet(next, 'task') : undefined;
  if (created !== undefined && rawKind(created) === 'object') {
    next = rawSet(next, 'task', withOurId(context, owner, server, created));
  }
  // The payload of `tasks/result` is a tool result: a member called taskId in there is the tool's own.
  if (method === 'tasks/get' || method === 'tasks/cancel')
    return withOurId(context, owner, server, next);
  const list = method === 'tasks/list' ? rawGet(next, 'tasks') : undefined;
  const items = list === undefined ? undefined : rawItems(list);
  if (items === undefined) return next;
  return rawSet(
    next,
    'tasks',
    rawArray(items.map((item) => withOurId(context, owner, server, item))),
  );
}

/** Replaces a top-level `taskId`; throws `GW_UPSTREAM_PROTOCOL` for an id nobody could use. */
export function withOurId(
  context: Pick<BrokerContext, 'tasks'>,
  owner: string,
  server: string,
  task: RawJson,
): RawJson {
  const raw = rawGet(task, 'taskId');
  const id = raw === undefined ? undefined : rawAsString(raw);
  if (id === undefined) return task;
  const token = context.tasks.wrap(owner, server, id);
  if (token === undefined) throw protocolFault(server, 'a task id is too long');
  return rawSet(task, 'taskId', rawString(token));
}

/** The related-task `_meta` of a message (2025-11-25) with our id. */
export function relatedTaskFor<T extends RawJson | undefined>(
  context: Pick<BrokerContext, 'tasks'>,
  principal: Principal,
  server: string,
  message: T,
): T | RawJson {
  const meta = message === undefined ? undefined : rawGet(message, '_meta');
  const related = meta === undefined ? undefined : rawGet(meta, META.relatedTask);
  if (message === undefined || meta === undefined || related === undefined) return message;
  const ours = withOurId(context, ownerKey(principal), server, related);
  return rawSet(message, '_meta', rawSet(meta, META.relatedTask, ours));
}
