import type { ActionRequest } from '../model.ts';

/** What was asked for, in words; names only. */
export function describeAction({ kind, server, target, method }: ActionRequest): string {
  const name = JSON.stringify(target.slice(0, 120));
  switch (kind) {
    case 'tool':
      return `call tool ${name} of server ${server}`;
    case 'resource':
      return `read resource ${name} of server ${server}`;
    case 'prompt':
      return `use prompt ${name} of server ${server}`;
    case 'completion':
      return `ask server ${server} for completions`;
    case 'list':
      return `list what server ${server} offers (${method})`;
    case 'listen':
      return `listen to server ${server}`;
    case 'task':
      return `use a task of server ${server} (${method})`;
    case 'sampling':
      return `let server ${server} ask for a model's answer`;
    case 'elicitation':
      return `let server ${server} ask the user`;
    case 'roots':
      return `tell server ${server} the client's roots`;
    case 'other':
      return `send ${method} to server ${server}`;
  }
}
