import { allowing, mayCallTool, type Rights } from '../../identity/index.ts';
import type { CatalogueItem } from '../model.ts';
import { parseRaw } from '../wire/parse-raw.ts';
import { rawGet } from '../wire/raw-json.ts';
import {
  type CallContext,
  denied,
  type PipelineDeps,
  type Step,
  type Target,
} from './call-context.ts';
import { OUTSIDE_DELEGATION } from './delegated-policy.ts';
import { refusalReply, unknownReply } from './refusal-replies.ts';

const REASONS = {
  server: 'the delegation does not cover this server.',
  tool: 'the delegation does not cover this tool.',
  use: 'the delegation lets this agent hand the tool down, not call it.',
  arguments: 'the delegation covers this tool, but not with these arguments.',
  undeclared:
    'the delegation constrains arguments, and the call has one that the tool does not declare.',
  calls: 'the calls of this delegation are used up.',
} as const;

/**
 * A call within policy must also be within the rights that came down the caller's chain (RFC 9396 details of its token):
 * this server, this tool, these arguments, for use, with calls left. It runs behind `decide` on what that step read, so that
 * only calls that policy does not deny are counted; a retry with `requestState` counts again. A caller without a chain is
 * untouched. That every agent of the path is still active is `check-revocation`'s business, before this.
 */
export const checkDelegation: Step = {
  name: 'check-delegation',
  run(context, deps) {
    const rights = context.principal.delegation?.rights;
    const { target } = context;
    if (rights === undefined || context.refusal !== undefined || target === undefined)
      return 'next';
    // Every other kind was answered by `delegatedPolicy` inside `decide`.
    if (target.kind !== 'tool') return 'next';
    const problem = outside(rights, context, target, deps);
    if (problem === undefined) return 'next';
    const { era } = context.request.downstream.client;
    const { method } = context.request;
    context.decision = denied(OUTSIDE_DELEGATION, REASONS[problem], deps.policy.version());
    // A tool that its list leaves out looks like one that is not there, whoever hides it.
    context.hidden = !mayCallTool(rights, target.server, target.name);
    context.refusal = context.hidden
      ? unknownReply(method, era, target.exposedName)
      : refusalReply({
          method,
          era,
          decision: context.decision,
          decisionId: context.decisionId,
        });
    return 'next';
  },
};

function outside(
  rights: Rights,
  context: CallContext,
  target: Target,
  deps: PipelineDeps,
): keyof typeof REASONS | undefined {
  const args = context.args ?? {};
  const found = allowing(rights, { server: target.server, tool: target.name, args });
  if (typeof found === 'string') return found;
  const closed = found.filter((index) => {
    const detail = rights.details[index];
    if (detail === undefined) return false;
    return Object.keys(detail.args).length === 0 || declaresAll(target.item, args);
  });
  if (closed.length === 0) return 'undeclared';
  // A held call is not made now; it is counted when it is.
  if (context.decision.effect !== 'allow') return undefined;
  const limited = closed.every((index) => (rights.counters[index] ?? []).length > 0);
  if (!limited) return undefined;
  return deps.takeCall?.(rights, closed) === true ? undefined : 'calls';
}

const declared = new WeakMap<CatalogueItem, ReadonlySet<string>>();

/**
 * A constraint binds one name, so a second name for the same thing (`repo`, `repository`) would get around it. Where the
 * rights constrain arguments, only arguments that the tool's own schema declares may come.
 */
function declaresAll(item: CatalogueItem | undefined, args: object): boolean {
  if (item === undefined) return false;
  let names = declared.get(item);
  if (names === undefined) {
    const schema = rawGet(item.raw, 'inputSchema');
    const properties = schema === undefined ? undefined : rawGet(schema, 'properties');
    const parsed = properties === undefined ? undefined : parseRaw(properties);
    names = new Set(typeof parsed === 'object' && parsed !== null ? Object.keys(parsed) : []);
    declared.set(item, names);
  }
  const known = names;
  return Object.keys(args).every((name) => known.has(name));
}
