import type { AuditRecord } from '../../audit/index.ts';
import { canonicalJson } from '../../kernel/index.ts';
import { type CallContext, recordBase, type Step, type StepResult } from './call-context.ts';
import { agentFacts, chainDetail, decidedFacts } from './delegated-policy.ts';

/** The decision record of a call: ids, digests and reasons; never argument values. */
export function decisionRecord(context: CallContext): AuditRecord {
  const { decision } = context;
  return {
    type: 'decision',
    time: context.time,
    ...recordBase(context),
    effect: decision.effect,
    detail: {
      reasons: decision.reasons.map((reason) => reason.code),
      policies: decision.policies,
      policyVersion: decision.policyVersion,
      arguments: context.argumentsDigest,
      // What policy knew beyond the record's own fields: a replay decides from the same facts.
      transport: context.request.downstream.transport,
      era: context.request.downstream.client.era,
      agent: decidedFacts(agentFacts(context.principal)),
      ...chainDetail(context.principal),
      ...(decision.effect === 'allow' ? {} : { message: decision.reasons[0]?.message ?? '' }),
      ...(decision.errors.length === 0 ? {} : { policyErrors: decision.errors }),
      ...(decision.observed === undefined ? {} : { observed: decision.observed }),
      ...(context.hidden ? { hidden: true } : {}),
      ...(context.fault === undefined ? {} : { fault: context.fault.id, step: context.fault.step }),
    },
  };
}

/** Durable before anything is forwarded. A refused call ends here, recorded like every other. */
export const recordDecision: Step = {
  name: 'record-decision',
  async run(context, deps): Promise<StepResult> {
    if (deps.bodies !== undefined && context.args !== undefined)
      deps.bodies.arguments(canonicalJson(context.args));
    context.receipt = await deps.audit.append(decisionRecord(context));
    if (context.refusal === undefined) return 'next';
    context.reply = context.refusal;
    return 'stop';
  },
};
