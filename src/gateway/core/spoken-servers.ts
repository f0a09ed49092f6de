import type { PolicyDecisionPoint } from '../../policy/index.ts';
import type { Described } from '../broker/capabilities.ts';
import { listOf } from '../catalogue/fetch-list.ts';
import type { RawJson } from '../model.ts';
import { agentFacts } from '../pipeline/decide.ts';
import type { Caller } from './connections.ts';

const LISTS = (['tools', 'prompts', 'resources', 'resourceTemplates'] as const).map(
  (kind) => listOf(kind).method,
);

/**
 * What servers say of themselves, for one caller. A server of which policy shows the caller no list tells it nothing of
 * itself either: its instructions and its `serverInfo` stay out. Capabilities stay, since a session outlives a policy.
 */
export function spokenServers(
  policy: Pick<PolicyDecisionPoint, 'decide'>,
  caller: Pick<Caller, 'principal' | 'client'>,
  now: number,
  described: readonly Described[],
  self: { readonly serverInfo: RawJson },
): readonly Described[] {
  const { principal, client } = caller;
  const shown = (server: string): boolean =>
    LISTS.some(
      (method) =>
        policy.decide({
          agent: agentFacts(principal),
          ...(principal.user === undefined ? {} : { user: principal.user }),
          kind: 'list',
          method,
          server,
          target: method,
          session: { now, transport: 'http', era: client.era },
        }).effect === 'allow',
    );
  return described.map((one) =>
    shown(one.server)
      ? one
      : { ...one, info: { ...one.info, instructions: undefined, serverInfo: self.serverInfo } },
  );
}
