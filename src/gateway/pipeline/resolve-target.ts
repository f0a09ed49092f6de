import { denied, type Step, type StepResult } from './call-context.ts';

/** Finds the server and its own name for what the client asked for, and a connection to it. Nothing is sent yet. */
export const resolveTarget: Step = {
  name: 'resolve-target',
  async run(context, deps): Promise<StepResult> {
    if (context.refusal !== undefined) return 'next';
    const found = deps.resolve(context);
    const resolved = found instanceof Promise ? await found : found;
    if (resolved.ok) {
      context.target = resolved.target;
      return 'next';
    }
    context.decision = denied(resolved.reason, 'the target does not exist or is not reachable.');
    context.refusal = resolved.reply;
    return 'next';
  },
};
