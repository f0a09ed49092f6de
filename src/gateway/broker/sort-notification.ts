import type { ClientFacts, RawJson } from '../model.ts';
import { rawAsString, rawGet, rawSet, rawString } from '../wire/raw-json.ts';
import type { ListKind } from './subscription-filter.ts';

/** Task ids between a caller and the servers. */
export interface TaskNames {
  /** The server's own id for one of ours; undefined when it is not this caller's task at that server. */
  toServer(server: string, taskId: string): string | undefined;
  toClient(server: string, taskId: string): string | undefined;
}

export type SortedNotification =
  | { readonly kind: 'list'; readonly list: ListKind }
  | { readonly kind: 'resource'; readonly uri: string; readonly params: RawJson | undefined }
  | { readonly kind: 'task'; readonly taskId: string; readonly params: RawJson }
  /** Goes to a legacy session as it is. */
  | { readonly kind: 'direct'; readonly params: RawJson | undefined };

/** What a notification outside any request means for this client; undefined when it is not for it. */
export function sortNotification(
  to: {
    readonly server: string;
    readonly client: ClientFacts;
    readonly tasks: TaskNames | undefined;
    readonly wantsLog: ((params: RawJson | undefined) => boolean) | undefined;
  },
  method: string,
  params: RawJson | undefined,
): SortedNotification | undefined {
  const legacy = to.client.era === 'legacy';
  switch (method) {
    case 'notifications/tools/list_changed':
      return { kind: 'list', list: 'tools' };
    case 'notifications/prompts/list_changed':
      return { kind: 'list', list: 'prompts' };
    case 'notifications/resources/list_changed':
      return { kind: 'list', list: 'resources' };
    case 'notifications/resources/updated': {
      const raw = params === undefined ? undefined : rawGet(params, 'uri');
      const uri = raw === undefined ? undefined : rawAsString(raw);
      return uri === undefined ? undefined : { kind: 'resource', uri, params };
    }
    case 'notifications/message':
      return legacy && to.wantsLog?.(params) === true ? { kind: 'direct', params } : undefined;
    case 'notifications/elicitation/complete':
      return legacy && to.client.revision >= '2025-11-25' ? { kind: 'direct', params } : undefined;
    case 'notifications/tasks':
    case 'notifications/tasks/status': {
      if (params === undefined || legacy !== (method === 'notifications/tasks/status'))
        return undefined;
      const raw = rawGet(params, 'taskId');
      const own = raw === undefined ? undefined : rawAsString(raw);
      const taskId = own === undefined ? undefined : to.tasks?.toClient(to.server, own);
      if (taskId === undefined) return undefined;
      const named = rawSet(params, 'taskId', rawString(taskId));
      return legacy ? { kind: 'direct', params: named } : { kind: 'task', taskId, params: named };
    }
    default:
      return undefined;
  }
}
