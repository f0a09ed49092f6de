import { type CompiledPolicy, compilePolicy } from '../cedar/index.ts';
import type { CedarHost } from '../host/create-cedar-host.ts';
import { type LivePolicies, livePolicies } from '../live/live-policies.ts';
import { PASS_ID } from '../live/policy-layers.ts';
import { policyStatuses, validationProblems } from '../loader/check-report.ts';
import { createPolicyParser } from '../loader/parse-policies.ts';
import type { LoadedPolicy, PolicyProblem } from '../loader/policy-source.ts';
import type { PolicyDirectory } from '../loader/read-directory.ts';
import { createPolicyValidator } from '../loader/validate-policies.ts';
import type { AgentFacts, ToolDefinition } from '../model.ts';
import { type ServerSchema, serverSchema } from '../schema/server-schema.ts';
import type { PolicyReport } from './model.ts';

/** What is wanted to be in force. */
export interface DesiredPolicies {
  readonly directory: PolicyDirectory;
  readonly tools: ReadonlyMap<string, readonly ToolDefinition[]>;
  readonly agents: ReadonlyMap<string, AgentFacts>;
  readonly mode: string;
  /** Built to be looked at; what is remembered of the set in force stays. */
  readonly draft?: boolean;
}

export interface Refreshed {
  readonly live: LivePolicies;
  readonly report: PolicyReport;
  /** No error in anything that is new compared with `before`. */
  readonly acceptable: boolean;
}

export type RefreshPolicies = (
  desired: DesiredPolicies,
  before: LivePolicies | undefined,
) => Promise<Refreshed>;

/** Builds the next live policies: parse, schema, validate, compile. Changes nothing by itself. */
export function createRefresh(host: CedarHost): RefreshPolicies {
  const parser = createPolicyParser(host);
  const validator = createPolicyValidator(host);
  const pass = passPolicy();
  let schemas = new Map<string, SchemaMemo>();

  return async (desired, before) => {
    const { directory, tools, agents, mode, draft = false } = desired;
    const { policies, problems: unparsed } = await parser.parse(directory.files, draft);
    const next = new Map<string, SchemaMemo>();
    const servers = new Map<string, ServerSchema>();
    for (const [name, definitions] of tools) {
      const effects = directory.effects.get(name);
      const known = schemas.get(name);
      const memo =
        known?.definitions === definitions && known.effects === JSON.stringify(plain(effects))
          ? known
          : {
              definitions,
              effects: JSON.stringify(plain(effects)),
              schema: serverSchema(name, definitions, effects),
            };
      next.set(name, memo);
      servers.set(name, memo.schema);
    }
    if (!draft) schemas = next;
    const standings = await validator.validate(policies, servers, draft);
    const live = livePolicies({ policies, servers, standings, agents, mode, pass });
    const known = { agents: agents.keys(), servers };
    const judged = validationProblems(policies, standings, {
      ...known,
      agents: [...agents.keys()],
    });
    const problems = [...unparsed, ...judged].sort(inOrder);
    const report: PolicyReport = {
      applied: false,
      version: live.version,
      policies: policyStatuses(policies, standings, servers),
      problems,
      findings: [...servers.values()].flatMap((schema) => schema.findings),
    };
    return { live, report, acceptable: !problems.some((one) => blocks(one, policies, before)) };
  };
}

interface SchemaMemo {
  readonly definitions: readonly ToolDefinition[];
  readonly effects: string | undefined;
  readonly schema: ServerSchema;
}

function plain(
  effects: { acceptAnnotations: boolean; tools: ReadonlyMap<string, string> } | undefined,
): unknown {
  return effects === undefined ? undefined : [effects.acceptAnnotations, [...effects.tools]];
}

/**
 * An error in a policy that is in force unchanged does not block: a server's new tools caused it, and the operator
 * must be able to correct other policies meanwhile.
 */
function blocks(
  problem: PolicyProblem,
  policies: readonly LoadedPolicy[],
  before: LivePolicies | undefined,
): boolean {
  if (problem.severity !== 'error') return false;
  const policy = policies.find((one) => one.id === problem.policy);
  if (policy === undefined) return true;
  return before?.policies.get(policy.id)?.digest !== policy.digest;
}

function inOrder(a: PolicyProblem, b: PolicyProblem): number {
  if (a.severity !== b.severity) return a.severity === 'error' ? -1 : 1;
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

/** `permit(principal, action, resource);` in Cedar's JSON form. */
function passPolicy(): CompiledPolicy {
  const all = { op: 'All' };
  const est = { effect: 'permit', principal: all, action: all, resource: all, conditions: [] };
  const compiled = compilePolicy(PASS_ID, est);
  if (!compiled.ok) throw new Error(compiled.error.problem);
  return compiled.value;
}
