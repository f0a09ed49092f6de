import type { ActionKind } from '../model.ts';

const KINDS: ReadonlyMap<string, ActionKind> = new Map<string, ActionKind>([
  ['tools/call', 'tool'],
  ['prompts/get', 'prompt'],
  ['resources/read', 'resource'],
  ['resources/subscribe', 'resource'],
  ['resources/unsubscribe', 'resource'],
  ['completion/complete', 'completion'],
  ['sampling/createMessage', 'sampling'],
  ['elicitation/create', 'elicitation'],
  ['roots/list', 'roots'],
  ['subscriptions/listen', 'listen'],
  ['tools/list', 'list'],
  ['resources/list', 'list'],
  ['resources/templates/list', 'list'],
  ['prompts/list', 'list'],
  ['server/discover', 'list'],
]);

/** The kind of action that a method is, as the gateway decides it. */
export function kindOfMethod(method: string): ActionKind {
  return KINDS.get(method) ?? (method.startsWith('tasks/') ? 'task' : 'other');
}
