import { denied, type Step } from './call-context.ts';
import { agentFacts } from './delegated-policy.ts';
import { readArguments } from './read-arguments.ts';
import { refusalReply, unknownReply } from './refusal-replies.ts';

export { agentFacts };

/** Asks policy. A deny of something the agent may never use looks like an unknown name to the caller. */
export const decide: Step = {
  name: 'decide',
  run(context, deps) {
    if (context.refusal !== undefined) return 'next';
    const { target, request, principal } = context;
    if (target === undefined) throw new Error('decide ran without a target');
    const { downstream } = request;
    const args = readArguments(request.method, target.params);
    if (!args.ok) {
      context.decision = denied('arguments_invalid', args.error, deps.policy.version());
    } else {
      context.args = args.value.args;
      context.argumentsDigest = args.value.digest;
      context.decision = deps.policy.decide({
        agent: agentFacts(principal),
        ...(principal.user === undefined ? {} : { user: principal.user }),
        kind: target.kind,
        method: request.method,
        server: target.server,
        target: target.name,
        ...(args.value.args === undefined ? {} : { arguments: args.value.args }),
        session: {
          now: context.time,
          transport: downstream.transport,
          era: downstream.client.era,
          ...(downstream.session === undefined ? {} : { sessionId: downstream.session.id }),
        },
      });
    }
    const { decision } = context;
    if (decision.effect === 'allow') return 'next';
    const { era } = downstream.client;
    context.hidden =
      decision.effect === 'deny' &&
      !deps.policy.mayUse(agentFacts(principal), target.server, target.kind, target.name);
    context.refusal = context.hidden
      ? unknownReply(request.method, era, target.exposedName)
      : refusalReply({ method: request.method, era, decision, decisionId: context.decisionId });
    return 'next';
  },
};
