import { admits } from './constraint.ts';
import { type AgentToolDetail, MAX_DETAILS, MAX_DETAILS_LENGTH } from './details.ts';
import { meet } from './meet.ts';
import { coversTool, implies, type Step } from './subsume.ts';

/** A budget that several details count against. The id is unique; `calls` is how many there are in all. */
export interface Counter {
  readonly id: string;
  readonly calls: number;
}

/** What a token or a sub-agent may do. `counters[i]` are all budgets a call under `details[i]` uses up. */
export interface Rights {
  readonly details: readonly AgentToolDetail[];
  readonly counters: readonly (readonly Counter[])[];
}

export type RightsOutcome =
  | { readonly ok: true; readonly rights: Rights }
  | { readonly ok: false; readonly problem: string };

const bad = (problem: string): RightsOutcome => ({ ok: false, problem });

/**
 * The requested details as rights below `parent` (undefined: a token without details, which bounds nothing), or a refusal
 * when one of them is not implied. A requested detail that several parents imply only together is split, so that each part
 * counts against exactly the budgets of the parent it comes from; all parts share the budget the request itself sets.
 */
export function narrow(
  parent: Rights | undefined,
  requested: readonly AgentToolDetail[],
  step: Step,
  newId: () => string,
): RightsOutcome {
  const details: AgentToolDetail[] = [];
  const counters: (readonly Counter[])[] = [];
  for (const [index, wanted] of requested.entries()) {
    const own: readonly Counter[] =
      wanted.limits === undefined ? [] : [{ id: newId(), calls: wanted.limits.calls }];
    if (parent === undefined) {
      details.push(wanted);
      counters.push(own);
      continue;
    }
    const parts = new Map<number, string[]>();
    for (const tool of wanted.tools) {
      const from = bestParent(parent, { ...wanted, tools: [tool] }, step);
      if (from === undefined)
        return bad(`entry ${index + 1} asks for more than the subject token may hand down`);
      parts.set(from, [...(parts.get(from) ?? []), tool]);
    }
    for (const [from, tools] of parts) {
      details.push(Object.freeze({ ...wanted, tools: Object.freeze(tools) }));
      counters.push([...(parent.counters[from] ?? []), ...own]);
    }
  }
  return finish(details, counters);
}

/** Of the parents that imply the detail, the one with the fewest budgets; the first of equals. */
function bestParent(parent: Rights, wanted: AgentToolDetail, step: Step): number | undefined {
  let best: number | undefined;
  for (const [index, detail] of parent.details.entries()) {
    if (!implies(detail, wanted, step)) continue;
    const budgets = (at: number): number => parent.counters[at]?.length ?? 0;
    if (best === undefined || budgets(index) < budgets(best)) best = index;
  }
  return best;
}

/** What is left of the rights under a ceiling. A refusal when nothing is. */
export function underCeiling(rights: Rights, ceiling: readonly AgentToolDetail[]): RightsOutcome {
  const details: AgentToolDetail[] = [];
  const counters: (readonly Counter[])[] = [];
  for (const [index, detail] of rights.details.entries()) {
    for (const bound of ceiling) {
      const both = meet(detail, bound);
      if (both === undefined) continue;
      details.push(both);
      counters.push(rights.counters[index] ?? []);
    }
  }
  if (details.length === 0) return bad('the ceiling of the blueprint leaves nothing of it');
  return finish(details, counters);
}

function finish(
  details: readonly AgentToolDetail[],
  counters: readonly (readonly Counter[])[],
): RightsOutcome {
  if (details.length > MAX_DETAILS || JSON.stringify(details).length > MAX_DETAILS_LENGTH)
    return bad('it is too large; ask for fewer tools in fewer entries');
  return {
    ok: true,
    rights: Object.freeze({
      details: Object.freeze([...details]),
      counters: Object.freeze(counters.map((list) => Object.freeze([...list]))),
    }),
  };
}

export interface ToolCall {
  readonly server: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/**
 * Why a call is not allowed: `server`, `tool` and `use` hold for every argument; `arguments` says that others would do;
 * `calls` that the budget is used up.
 */
export type CallRefusal = 'server' | 'tool' | 'use' | 'arguments' | 'calls';

/** May something of this tool be called at all, whatever the arguments? */
export function mayCallTool(rights: Rights, server: string, tool: string): boolean {
  return rights.details.some(
    (detail) => detail.server === server && detail.use && coversTool(detail, tool),
  );
}

/** The details under which the call is allowed, budgets aside; or the reason why there is none. */
export function allowing(rights: Rights, call: ToolCall): readonly number[] | CallRefusal {
  let reason: CallRefusal = 'server';
  const found: number[] = [];
  for (const [index, detail] of rights.details.entries()) {
    if (detail.server !== call.server) continue;
    if (!coversTool(detail, call.tool)) {
      if (reason === 'server') reason = 'tool';
    } else if (!detail.use) {
      if (reason !== 'arguments') reason = 'use';
    } else if (!admitsArguments(detail, call.args)) reason = 'arguments';
    else found.push(index);
  }
  return found.length > 0 ? found : reason;
}

/** A constrained argument that is missing is a refusal: the tool's default could be anything. */
function admitsArguments(
  detail: AgentToolDetail,
  args: Readonly<Record<string, unknown>>,
): boolean {
  for (const name of Object.keys(detail.args)) {
    const constraint = detail.args[name];
    if (constraint === undefined || !Object.hasOwn(args, name) || !admits(constraint, args[name]))
      return false;
  }
  return true;
}
