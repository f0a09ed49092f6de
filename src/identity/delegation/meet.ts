import { admits, impliesConstraint } from './constraint.ts';
import type { AgentToolDetail, Constraint } from './details.ts';
import { implies } from './subsume.ts';

/**
 * What both details allow, or undefined when that is nothing or can't be written as one detail. The answer is implied by
 * both (`within`), which is checked once more before it leaves. Limits and `type` are those of `a`.
 */
export function meet(a: AgentToolDetail, b: AgentToolDetail): AgentToolDetail | undefined {
  if (a.server !== b.server) return undefined;
  const tools = a.tools.includes('*')
    ? b.tools
    : b.tools.includes('*')
      ? a.tools
      : a.tools.filter((tool) => b.tools.includes(tool));
  const use = a.use && b.use;
  const delegate = Math.min(a.delegate, b.delegate);
  if (tools.length === 0 || (!use && delegate === 0)) return undefined;
  const args: Record<string, Constraint> = Object.create(null);
  for (const name of new Set([...Object.keys(a.args), ...Object.keys(b.args)])) {
    const ours = a.args[name];
    const theirs = b.args[name];
    const both =
      ours === undefined || theirs === undefined ? (ours ?? theirs) : meetConstraint(ours, theirs);
    if (both === undefined) return undefined;
    args[name] = both;
  }
  const result: AgentToolDetail = Object.freeze({
    ...a,
    tools: Object.freeze([...tools]),
    use,
    delegate,
    args: Object.freeze(args),
  });
  return implies(a, result, 'within') && implies(b, result, 'within') ? result : undefined;
}

function meetConstraint(a: Constraint, b: Constraint): Constraint | undefined {
  if (impliesConstraint(a, b)) return b;
  if (impliesConstraint(b, a)) return a;
  if ('in' in a) return among(a.in, b);
  if ('in' in b) return among(b.in, a);
  if (isRange(a) && isRange(b)) {
    const min = Math.max(a.min ?? Number.MIN_SAFE_INTEGER, b.min ?? Number.MIN_SAFE_INTEGER);
    const max = Math.min(a.max ?? Number.MAX_SAFE_INTEGER, b.max ?? Number.MAX_SAFE_INTEGER);
    return min <= max ? Object.freeze({ min, max }) : undefined;
  }
  return undefined;
}

function among(
  values: Extract<Constraint, { in: unknown }>['in'],
  other: Constraint,
): Constraint | undefined {
  const left = values.filter((value) => admits(other, value));
  return left.length === 0 ? undefined : Object.freeze({ in: Object.freeze(left) });
}

function isRange(
  constraint: Constraint,
): constraint is Extract<Constraint, { min?: number; max?: number }> {
  return 'min' in constraint || 'max' in constraint;
}
