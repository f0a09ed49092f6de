import type { Step, StepResult } from './call-context.ts';

/** The only step that sends anything to a server. It holds the two invariants once more, whatever ran before it. */
export const forward: Step = {
  name: 'forward',
  async run(context, deps): Promise<StepResult> {
    const { target, decision, receipt } = context;
    // Invariant: no decision, no durable record, no forward.
    if (
      target === undefined ||
      decision.effect !== 'allow' ||
      receipt === undefined ||
      context.refusal !== undefined
    ) {
      throw new Error('forward was reached without an allowed and recorded decision');
    }
    context.reply = await deps.broker.exchange(target.connection, context.request, {
      server: target.server,
      call: context.call,
      argumentsDigest: context.argumentsDigest,
      params: target.params,
      paramHeaders: target.paramHeaders,
      extraHeaders: target.extraHeaders,
      timeoutMs: deps.timeoutMs(target.server),
      permitAsk: (method, params) => deps.permitAsk(context, method, params),
      endpoint: context.request.downstream.endpoint,
    });
    return 'next';
  },
};
