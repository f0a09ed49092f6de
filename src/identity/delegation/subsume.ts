import { impliesConstraint } from './constraint.ts';
import type { AgentToolDetail } from './details.ts';

/**
 * How the child's right comes from the parent's:
 * - `handed_down`: to another agent one level below. Needs `delegate` of the parent to be greater than the child's; the
 *   parent need not be allowed to `use` what it hands out (a coordinator).
 * - `within`: the same agent narrows its own right. Neither `use` nor `delegate` grows.
 */
export type Step = 'handed_down' | 'within';

/**
 * True only when everything `child` allows is allowed by `parent`. Both must have come from `readDetails`. Limits are not
 * compared: a child counts against the counters of its parent whatever its own limit says.
 */
export function implies(parent: AgentToolDetail, child: AgentToolDetail, step: Step): boolean {
  if (parent.server !== child.server) return false;
  if (!child.tools.every((tool) => coversTool(parent, tool))) return false;
  if (step === 'handed_down') {
    if (parent.delegate <= child.delegate) return false;
  } else if (parent.delegate < child.delegate || (child.use && !parent.use)) return false;
  for (const name of Object.keys(parent.args)) {
    const wide = parent.args[name];
    const narrow = Object.hasOwn(child.args, name) ? child.args[name] : undefined;
    if (wide === undefined || narrow === undefined || !impliesConstraint(wide, narrow))
      return false;
  }
  return true;
}

/** Does the detail name the tool? `*` in a question is covered by `*` only. */
export function coversTool(detail: AgentToolDetail, tool: string): boolean {
  return detail.tools.includes(tool) || detail.tools.includes('*');
}
