import type { RawJson, UpstreamAnswer, UpstreamInfo } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import { rawAsString, rawGet, rawKind, rawObject, rawSet, rawString } from '../wire/raw-json.ts';
import { readError } from './wire-errors.ts';

export type Send = (method: string, params: RawJson | undefined) => Promise<UpstreamAnswer>;

/**
 * Runs one request of a modern client on a legacy server to its end. A tool that 2025-11-25 lets run only as a task is
 * refused with -32601 before it starts; it is then started as a task and its result awaited, so the client sees an
 * ordinary call. `onTask` learns the server's task id, for cancelling.
 */
export async function callOnLegacy(
  send: Send,
  info: UpstreamInfo,
  request: { readonly method: string; readonly params: RawJson | undefined },
  onTask: (taskId: string) => void,
): Promise<UpstreamAnswer> {
  const { method, params } = request;
  const first = await send(method, params);
  if (method !== 'tools/call' || first.kind !== 'error' || !runsTasks(info)) return first;
  if (readError(first.error).code !== CODES.methodNotFound) return first;
  const started = await send(method, rawSet(params ?? ('{}' as RawJson), 'task', '{}' as RawJson));
  if (started.kind === 'error') return started;
  const task = rawGet(started.result, 'task');
  const id = task === undefined ? undefined : rawGet(task, 'taskId');
  const taskId = id === undefined ? undefined : rawAsString(id);
  if (taskId === undefined) return started;
  onTask(taskId);
  return send('tasks/result', rawObject([['taskId', rawString(taskId)]]));
}

function runsTasks(info: UpstreamInfo): boolean {
  if (info.revision < '2025-11-25') return false;
  let at: RawJson | undefined = info.capabilities;
  for (const key of ['tasks', 'requests', 'tools', 'call'])
    at = at === undefined ? undefined : rawGet(at, key);
  return at !== undefined && rawKind(at) === 'object';
}
