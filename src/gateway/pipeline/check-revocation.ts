import { denied, type Step } from './call-context.ts';
import { refusalReply } from './refusal-replies.ts';

/** A principal whose agent, owner or credential was revoked is refused, whatever its token says. */
export const checkRevocation: Step = {
  name: 'check-revocation',
  run(context, deps) {
    const reason = deps.revoked(context.principal);
    if (reason === undefined) return 'next';
    context.decision = denied('revoked', 'the credential of this agent was revoked.');
    context.refusal = refusalReply({
      method: context.request.method,
      era: context.request.downstream.client.era,
      decision: context.decision,
      decisionId: context.decisionId,
    });
    return 'next';
  },
};
