import { EFFECT_GROUPS } from './effect-group.ts';
import { ROOT_ACTION_KINDS } from './root-schema.ts';

const ROOT_IDS: ReadonlySet<string> = new Set([
  'any',
  'call',
  'change',
  ...EFFECT_GROUPS,
  ...ROOT_ACTION_KINDS,
]);

/**
 * The id of a tool's action: its name, with `()` behind it when the name alone is that of a root action, since Cedar
 * lets no namespace shadow those. `files::Action::"read()"` is the tool `read` of the server `files`. No two tools
 * get the same id.
 */
export function actionId(tool: string): string {
  return ROOT_IDS.has(tool.replace(/(?:\(\))+$/, '')) ? `${tool}()` : tool;
}
