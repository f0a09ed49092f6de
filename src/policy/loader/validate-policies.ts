import type { CedarHost } from '../host/create-cedar-host.ts';
import type { PolicyVerdict } from '../host/worker-protocol.ts';
import type { SchemaFragment, ServerSchema } from '../schema/server-schema.ts';
import type { LoadedPolicy } from './policy-source.ts';

/**
 * How a policy stands towards one server. Servers are judged one by one, so that no server can take another's policies
 * down with it. `pending`: it names a server that is not there yet.
 */
export type Standing =
  | { readonly state: 'valid' | 'inapplicable' | 'pending' }
  | { readonly state: 'invalid'; readonly verdict: PolicyVerdict };

/** For what has no tools: servers that offered none yet, and policies on root actions. */
export const NO_SERVER = '';

/** By server name ({@link NO_SERVER} included), then by policy id. */
export type Standings = ReadonlyMap<string, ReadonlyMap<string, Standing>>;

export interface PolicyValidator {
  validate(
    policies: readonly LoadedPolicy[],
    servers: ReadonlyMap<string, ServerSchema>,
    draft?: boolean,
  ): Promise<Standings>;
}

const PENDING: Standing = { state: 'pending' };
const INAPPLICABLE: Standing = { state: 'inapplicable' };
const VALID: Standing = { state: 'valid' };

/** Validates in the host, remembering verdicts by (policy text, schemas) so that only changes cost anything. */
export function createPolicyValidator(host: CedarHost): PolicyValidator {
  let known = new Map<string, PolicyVerdict>();
  let drafted = new Map<string, PolicyVerdict>();

  return {
    async validate(policies, servers, draft = false) {
      const byNamespace = new Map([...servers.values()].map((one) => [one.namespace, one]));
      const next = new Map<string, PolicyVerdict>();
      const out = new Map<string, Map<string, Standing>>();
      const jobs: Promise<void>[] = [];
      for (const server of [NO_SERVER, ...servers.keys()]) {
        const schema = servers.get(server);
        const standings = new Map<string, Standing>();
        out.set(server, standings);
        const groups = new Map<string, { schemas: ServerSchema[]; policies: LoadedPolicy[] }>();
        for (const policy of policies) {
          const group = schemasFor(policy, schema, byNamespace);
          if (!Array.isArray(group)) {
            standings.set(policy.id, group as Standing);
            continue;
          }
          const key = group.map((one) => one.digest).join('+');
          const entry = groups.get(key) ?? { schemas: group, policies: [] };
          entry.policies.push(policy);
          groups.set(key, entry);
        }
        for (const [key, group] of groups) {
          jobs.push(
            judge(group.policies, group.schemas, key, next).then((verdicts) => {
              for (const policy of group.policies)
                standings.set(policy.id, standing(verdicts.get(policy.id)));
            }),
          );
        }
      }
      // All at once: between jobs that wait for each other the referee's questions would find their way in.
      const faults = (await Promise.allSettled(jobs)).filter(({ status }) => status === 'rejected');
      const [fault] = faults as PromiseRejectedResult[];
      if (fault !== undefined) throw fault.reason;
      if (draft) drafted = next;
      else known = next;
      return out;
    },
  };

  async function judge(
    policies: readonly LoadedPolicy[],
    schemas: readonly ServerSchema[],
    key: string,
    next: Map<string, PolicyVerdict>,
  ): Promise<Map<string, PolicyVerdict>> {
    const verdicts = new Map<string, PolicyVerdict>();
    const fresh: LoadedPolicy[] = [];
    for (const policy of policies) {
      const name = `${policy.digest}@${key}`;
      const memo = known.get(name) ?? drafted.get(name) ?? next.get(name);
      if (memo === undefined) fresh.push(policy);
      else verdicts.set(policy.id, memo);
    }
    if (fresh.length > 0) {
      const fragments: Record<string, SchemaFragment> = {};
      for (const schema of schemas) fragments[schema.namespace] = schema.fragment;
      const texts = Object.fromEntries(fresh.map((policy) => [policy.id, policy.text]));
      const answer = await host.validate(fragments, texts);
      for (const policy of fresh) {
        const verdict = answer.ok
          ? answer.verdicts[policy.id]
          : { errors: answer.complaints, warnings: [], applicable: true };
        if (verdict !== undefined) verdicts.set(policy.id, verdict);
      }
    }
    for (const policy of policies) {
      const verdict = verdicts.get(policy.id);
      if (verdict !== undefined) next.set(`${policy.digest}@${key}`, verdict);
    }
    return verdicts;
  }
}

/** The namespaces a policy is to be judged with for one server, or its standing when that is clear already. */
function schemasFor(
  policy: LoadedPolicy,
  server: ServerSchema | undefined,
  byNamespace: ReadonlyMap<string, ServerSchema>,
): ServerSchema[] | Standing {
  const { mentions } = policy;
  if (mentions.size === 0) return server === undefined ? [] : [server];
  if (server !== undefined && !mentions.has(server.namespace)) return INAPPLICABLE;
  const schemas: ServerSchema[] = [];
  for (const namespace of [...mentions].sort()) {
    const schema = byNamespace.get(namespace);
    if (schema === undefined) return PENDING;
    schemas.push(schema);
  }
  return server === undefined ? INAPPLICABLE : schemas;
}

function standing(verdict: PolicyVerdict | undefined): Standing {
  // No verdict means that the validator said nothing about it: not to be trusted.
  if (verdict === undefined) return PENDING;
  if (verdict.errors.length > 0) return { state: 'invalid', verdict };
  return verdict.applicable ? VALID : INAPPLICABLE;
}
