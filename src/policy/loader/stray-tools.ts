import { actionId } from '../schema/action-id.ts';
import type { ServerSchema } from '../schema/server-schema.ts';
import { nearby } from '../text/suggest.ts';
import { mentionsOf } from './mentions.ts';

/** A tool that a policy names and that its server does not have. */
export interface StrayTool {
  /** As the policy has it. */
  readonly named: string;
  /** Named as `Tool::"server/tool"`, not as an action. */
  readonly resource: boolean;
  /** Tools of the same server that may be meant and that the policy does not name itself. */
  readonly near: readonly string[];
}

const byActionOf = new WeakMap<ServerSchema, ReadonlyMap<string, string>>();

function toolsByAction(schema: ServerSchema): ReadonlyMap<string, string> {
  let known = byActionOf.get(schema);
  if (known === undefined) {
    known = new Map([...schema.tools.keys()].map((tool) => [actionId(tool), tool]));
    byActionOf.set(schema, known);
  }
  return known;
}

/** What a policy, in its JSON form, names on one server whose tools are known and do not have it. */
export function strayTools(est: unknown, schema: ServerSchema): StrayTool[] {
  const { actions, entities } = mentionsOf(est);
  const prefix = `${schema.server}/`;
  const names = actions.some(([namespace]) => namespace === schema.namespace);
  const tools = entities.some(([type, id]) => type === 'Tool' && id.startsWith(prefix));
  if (!names && !tools) return [];
  const byAction = toolsByAction(schema);
  const named: { readonly word: string; readonly resource: boolean }[] = [];
  const ownWords = new Set<string>();
  for (const [namespace, id] of actions) {
    if (namespace !== schema.namespace) continue;
    const tool = byAction.get(id);
    if (tool === undefined) named.push({ word: id, resource: false });
    else ownWords.add(tool);
  }
  for (const [type, id] of entities) {
    if (type !== 'Tool' || !id.startsWith(prefix)) continue;
    const tool = id.slice(prefix.length);
    if (schema.tools.has(tool)) ownWords.add(tool);
    else named.push({ word: tool, resource: true });
  }
  return named.map(({ word, resource }) => ({
    named: word,
    resource,
    near: nearby(word, schema.tools.keys()).filter((tool) => !ownWords.has(tool)),
  }));
}
