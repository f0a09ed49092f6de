import type { Principal } from '../../identity/index.ts';
import type { AgentFacts } from '../../policy/index.ts';
import { denied, type Step } from './call-context.ts';
import { readArguments } from './read-arguments.ts';
import { refusalReply, unknownReply } from './refusal-replies.ts';

const facts = new WeakMap<Principal, AgentFacts>();

/** What policy knows of the caller; computed once per token, not per call. */
export function agentFacts(principal: Principal): AgentFacts {
  let known = facts.get(principal);
  if (known === undefined) {
    const { agent } = principal;
    known = {
      id: agent.id,
      name: agent.name,
      owner: agent.owners[0] ?? '',
      groups: agent.groups,
      ...(agent.blueprint === undefined ? {} : { blueprint: agent.blueprint }),
      ...(agent.environment === undefined ? {} : { environment: agent.environment }),
      ...(agent.riskTier === undefined ? {} : { riskTier: agent.riskTier }),
    };
    facts.set(principal, known);
  }
  return known;
}

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
