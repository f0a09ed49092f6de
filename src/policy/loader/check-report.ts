import { actionId } from '../schema/action-id.ts';
import type { ServerSchema } from '../schema/server-schema.ts';
import { suggest } from '../text/suggest.ts';
import { mentionsOf } from './mentions.ts';
import { complaintProblem } from './parse-policies.ts';
import type { LoadedPolicy, PolicyProblem } from './policy-source.ts';
import { strayTools } from './stray-tools.ts';
import type { Standing, Standings } from './validate-policies.ts';

export type PolicyState = 'active' | 'observed' | 'off' | 'pending' | 'invalid' | 'never_matches';

/** One policy as `policy list` shows it. */
export interface PolicyStatus {
  readonly id: string;
  readonly file: string;
  readonly line: number;
  readonly effect: 'permit' | 'forbid';
  readonly state: PolicyState;
  /** Servers that the policy names and that are not connected, by namespace. */
  readonly waitsFor: readonly string[];
  /** Servers for whose tools it does not type-check. */
  readonly invalidFor: readonly string[];
}

export interface KnownNames {
  readonly agents: Iterable<string>;
  readonly servers: ReadonlyMap<string, ServerSchema>;
}

/** What every policy amounts to over all servers. */
export function policyStatuses(
  policies: readonly LoadedPolicy[],
  standings: Standings,
  servers: ReadonlyMap<string, ServerSchema>,
): PolicyStatus[] {
  const namespaces = new Set([...servers.values()].map((one) => one.namespace));
  return policies.map((policy) => {
    const rows = [...standings].map(([server, row]) => ({ server, standing: row.get(policy.id) }));
    const in_ = (state: Standing['state']): string[] =>
      rows.filter((row) => row.standing?.state === state).map((row) => row.server);
    const invalidFor = in_('invalid');
    const waitsFor = [...policy.mentions].filter((name) => !namespaces.has(name)).sort();
    return {
      id: policy.id,
      file: policy.file,
      line: policy.line,
      effect: policy.compiled.effect,
      state: stateOf(policy, in_('valid').length > 0, invalidFor.length > 0, waitsFor.length > 0),
      waitsFor,
      invalidFor,
    };
  });
}

function stateOf(
  policy: LoadedPolicy,
  valid: boolean,
  invalid: boolean,
  waits: boolean,
): PolicyState {
  if (policy.annotations.mode === 'off') return 'off';
  if (!valid && invalid) return 'invalid';
  if (!valid && waits) return 'pending';
  if (!valid) return 'never_matches';
  return policy.annotations.mode === 'observe' ? 'observed' : 'active';
}

/** Complaints of validation and lints, each once, in the order of the files. */
export function validationProblems(
  policies: readonly LoadedPolicy[],
  standings: Standings,
  known: KnownNames,
): PolicyProblem[] {
  const problems = new Map<string, PolicyProblem>();
  const add = (problem: PolicyProblem): void => {
    const { file, line, column, message } = problem;
    problems.set(JSON.stringify([file, line, column, message]), problem);
  };
  for (const policy of policies) {
    for (const [server, row] of standings) {
      const standing = row.get(policy.id);
      if (standing?.state !== 'invalid') continue;
      for (const complaint of standing.verdict.errors) {
        const problem = complaintProblem(policy, complaint, 'error');
        add(withSuggestion(problem, server, known));
      }
    }
    for (const problem of lint(policy, standings, known)) add(problem);
  }
  return [...problems.values()];
}

const UNKNOWN_ACTION = /^unrecognized action `(.+)::Action::"(.+)"`$/;
const NOT_FOUND = /attribute `([^`]+)` .*for ([^ ]+)::Action::"(.+?)" not found/;

/** Our own word where it is better than Cedar's: the nearest tool of the same server, why an argument is opaque. */
function withSuggestion(problem: PolicyProblem, server: string, known: KnownNames): PolicyProblem {
  const schema = known.servers.get(server);
  const action = UNKNOWN_ACTION.exec(problem.message);
  if (action !== null && schema !== undefined && action[1] === schema.namespace) {
    const [, , tool = ''] = action;
    const ids = [...schema.tools.keys()].map(actionId);
    const near = schema.tools.has(tool) ? actionId(tool) : suggest(tool, ids);
    const message = `server ${schema.server} has no tool ${JSON.stringify(tool)}`;
    return {
      ...without(problem),
      message,
      ...(near === undefined
        ? {}
        : { suggestion: `did you mean \`${schema.namespace}::Action::${JSON.stringify(near)}\`?` }),
    };
  }
  const attribute = NOT_FOUND.exec(problem.message);
  const name = attribute?.[1]?.split('.').slice(1).join('.');
  const opaque = schema?.findings.find(
    (one) =>
      actionId(one.tool) === attribute?.[3] &&
      (one.property === undefined || one.property === name),
  );
  return opaque === undefined
    ? problem
    : { ...without(problem), suggestion: `policies cannot see it: ${opaque.problem}` };
}

function without({ suggestion: _, ...rest }: PolicyProblem): PolicyProblem {
  return rest;
}

function lint(policy: LoadedPolicy, standings: Standings, known: KnownNames): PolicyProblem[] {
  const out: PolicyProblem[] = [];
  const warn = (message: string, suggestion?: string): void => {
    out.push({
      severity: 'warning',
      file: policy.file,
      line: policy.line,
      column: policy.column,
      policy: policy.id,
      message,
      ...(suggestion === undefined ? {} : { suggestion }),
    });
  };
  const namespaces = [...known.servers.values()].map((one) => one.namespace);
  for (const name of policy.mentions) {
    if (namespaces.includes(name)) continue;
    const near = suggest(name, namespaces);
    warn(
      `no connected server is called ${name}, so the policy waits for it`,
      near === undefined ? undefined : `did you mean \`${near}\`?`,
    );
  }
  for (const [type, id] of mentionsOf(policy.est).entities) {
    const names =
      type === 'Agent' ? [...known.agents] : type === 'Server' ? [...known.servers.keys()] : [];
    if (names.length === 0 || names.includes(id)) continue;
    const near = suggest(id, names);
    warn(
      `there is no ${type.toLowerCase()} called ${JSON.stringify(id)}`,
      near === undefined ? undefined : `did you mean \`${type}::${JSON.stringify(near)}\`?`,
    );
  }
  for (const schema of known.servers.values()) {
    for (const { named, resource, near } of strayTools(policy.est, schema)) {
      // An action that is not there is an error of validation already; of a resource Cedar says nothing.
      if (!resource) continue;
      const meant = near[0];
      out.push({
        severity: meant === undefined ? 'warning' : 'error',
        file: policy.file,
        line: policy.line,
        column: policy.column,
        policy: policy.id,
        message: `server ${schema.server} has no tool ${JSON.stringify(named)}`,
        ...(meant === undefined
          ? {}
          : {
              suggestion: `did you mean \`Tool::${JSON.stringify(`${schema.server}/${meant}`)}\`?`,
            }),
      });
    }
  }
  const states = [...standings.values()].map((row) => row.get(policy.id)?.state);
  const known_ = [...policy.mentions].every((name) => namespaces.includes(name));
  if (known_ && known.servers.size > 0 && !states.includes('valid') && !states.includes('invalid'))
    warn(
      'the policy can never match: no tool or request fits its head',
      'check agent, action and resource in its first lines',
    );
  const { principal, action, resource } = policy.compiled;
  if (
    policy.compiled.effect === 'permit' &&
    [principal, action, resource].every((scope) => scope.op === 'all')
  )
    warn(
      'the policy permits for every agent, action and resource',
      'name the agent or the server in its head',
    );
  if (policy.annotations.id === undefined)
    warn('the policy has no @id, so refusals name it by its place', `add @id("…") in front of it`);
  return out;
}
