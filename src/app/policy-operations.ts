import type { PolicyChanges } from '../api/index.ts';
import { readAudit } from '../audit/index.ts';
import { AppError } from '../kernel/index.ts';
import {
  type AgentFacts,
  ANY,
  type PolicyChanger,
  type PolicyService,
  type PolicyVersions,
  type PreviewItem,
  previewAgent,
  type ReadRecordDeps,
  replayHistory,
} from '../policy/index.ts';

export interface PolicyOperationsDeps {
  readonly policy: PolicyService;
  readonly versions: PolicyVersions;
  readonly changer: PolicyChanger;
  /** Directory of the audit log. */
  readonly audit: string;
  readonly argumentsOf: ReadRecordDeps['arguments'];
  /** Registered agents as policy knows them. */
  readonly agents: () => readonly AgentFacts[];
  /** Names of the configured servers. */
  readonly servers: () => readonly string[];
}

const WHOLE_SERVER = ['completion', 'listen', 'sampling', 'elicitation', 'roots'] as const;

/** Looking ahead and changing policies on a running gateway. */
export function createPolicyOperations(deps: PolicyOperationsDeps): PolicyChanges {
  const { policy, versions, changer } = deps;

  const itemsOf = (server: string): PreviewItem[] => {
    const tools = [...(policy.snapshot()?.live.servers.get(server)?.tools.keys() ?? [])].sort();
    return [
      ...tools.map((target): PreviewItem => ({ server, kind: 'tool', target })),
      { server, kind: 'resource', target: ANY },
      { server, kind: 'prompt', target: ANY },
      ...WHOLE_SERVER.map((kind): PreviewItem => ({ server, kind, target: kind })),
    ];
  };

  return {
    versions,
    changer,
    preview(named) {
      const agent = deps.agents().find(({ id, name }) => name === named || id === named);
      const snapshot = policy.snapshot();
      if (agent === undefined || snapshot === undefined)
        throw new AppError('API_NOT_FOUND', { params: { what: 'such agent' } });
      const items = previewAgent(snapshot, agent, deps.servers().flatMap(itemsOf));
      return { agent: agent.name, version: snapshot.version, items };
    },
    async replay({ draft }, { last, ...filter }) {
      const before = policy.snapshot();
      if (before === undefined) return undefined;
      const agents = new Map(deps.agents().map((agent) => [agent.name, agent]));
      const records = readAudit(deps.audit, last === undefined ? {} : { last });
      return replayHistory(before, draft.snapshot, records, filter, {
        agent: (name) => agents.get(name),
        arguments: deps.argumentsOf,
        breathe: () => new Promise((resolve) => setImmediate(resolve)),
      });
    },
  };
}
