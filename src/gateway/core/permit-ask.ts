import { sha256Hex } from '../../kernel/index.ts';
import type { ActionKind } from '../../policy/index.ts';
import type { RawJson } from '../model.ts';
import { type CallContext, type PipelineDeps, recordBase } from '../pipeline/call-context.ts';
import { agentFacts, decidedFacts } from '../pipeline/delegated-policy.ts';

// A Map: servers choose the method, and an object would also answer to `constructor`.
const ASKS: ReadonlyMap<string, ActionKind> = new Map([
  ['sampling/createMessage', 'sampling'],
  ['elicitation/create', 'elicitation'],
  ['roots/list', 'roots'],
]);

/**
 * What a server asks of the client is an action like any other, in the other direction: decided by policy and durably
 * recorded before the client sees it. A hostile server asks for secrets or injects a prompt exactly here.
 */
export async function permitAsk(
  context: CallContext,
  deps: Pick<PipelineDeps, 'policy' | 'audit' | 'ids' | 'clock'>,
  method: string,
  params: RawJson | undefined,
): Promise<boolean> {
  const kind = ASKS.get(method);
  const { target, request } = context;
  if (kind === undefined || target === undefined) return false;
  const { downstream } = request;
  const now = deps.clock.now();
  const decision = deps.policy.decide({
    agent: agentFacts(context.principal),
    ...(context.principal.user === undefined ? {} : { user: context.principal.user }),
    kind,
    method,
    server: target.server,
    target: method,
    session: {
      now,
      transport: downstream.transport,
      era: downstream.client.era,
      ...(downstream.session === undefined ? {} : { sessionId: downstream.session.id }),
    },
  });
  await deps.audit.append({
    type: 'decision',
    time: now,
    ...recordBase(context),
    decision: deps.ids.next('decision'),
    method,
    effect: decision.effect,
    detail: {
      direction: 'server_to_client',
      within: context.decisionId,
      reasons: decision.reasons.map((reason) => reason.code),
      policies: decision.policies,
      policyVersion: decision.policyVersion,
      params: sha256Hex(params ?? ''),
      transport: downstream.transport,
      era: downstream.client.era,
      agent: decidedFacts(agentFacts(context.principal)),
    },
  });
  return decision.effect === 'allow';
}
