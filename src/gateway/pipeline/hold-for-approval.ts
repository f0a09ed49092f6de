import type { Step } from './call-context.ts';

/**
 * A held call does not go on: the answer says that it needs approval and why. The refusal was already worded by
 * `decide`; this step is the place where a granted approval will let the call pass, and where anything but an allow
 * without a refusal is stopped for good.
 */
export const holdForApproval: Step = {
  name: 'hold-for-approval',
  run(context) {
    if (context.decision.effect !== 'allow' && context.refusal === undefined) {
      throw new Error('a call that is not allowed has no refusal');
    }
    return 'next';
  },
};
