import type {
  AuthenticationRefusal,
  Authenticator,
  PresentedCredential,
  Principal,
} from '../../identity/index.ts';
import { isAppError } from '../../kernel/index.ts';
import type { Reply } from '../model.ts';
import type { AdmissionStep } from './authenticate.ts';
import { type CallContext, denied, type PipelineDeps, type Step } from './call-context.ts';
import { decisionRecord } from './record-decision.ts';
import { appendOutcome } from './record-outcome.ts';
import { faultReply } from './refusal-replies.ts';

const isRefusal = (value: Principal | AuthenticationRefusal): value is AuthenticationRefusal =>
  'refused' in value;

/** Runs the ADMISSION list. Synchronous as long as every step is (a cached token). A step that throws refuses. */
export function runAdmission(
  steps: readonly AdmissionStep[],
  credential: PresentedCredential,
  authenticator: Authenticator,
  onFault: (step: string, error: unknown) => void,
): Principal | AuthenticationRefusal | Promise<Principal | AuthenticationRefusal> {
  const fail = (step: string, error: unknown): AuthenticationRefusal => {
    onFault(step, error);
    return { refused: true, reason: 'fault' };
  };
  const from = (
    index: number,
    principal: Principal | undefined,
  ): Principal | AuthenticationRefusal | Promise<Principal | AuthenticationRefusal> => {
    const step = steps[index];
    if (step === undefined) return principal ?? { refused: true, reason: 'missing' };
    try {
      const answer = step.run(credential, principal, authenticator);
      if (answer instanceof Promise) {
        return answer.then(
          (value) => (isRefusal(value) ? value : from(index + 1, value)),
          (error: unknown) => fail(step.name, error),
        );
      }
      return isRefusal(answer) ? answer : from(index + 1, answer);
    } catch (error) {
      return fail(step.name, error);
    }
  };
  return from(0, undefined);
}

/**
 * Runs the ACTION list on a context that starts from deny. Whatever happens there is a reply and a record: a step that
 * throws before the decision is durable turns it into a recorded deny; a call whose decision can't be recorded is
 * answered `GW_NOT_RECORDED` and never forwarded; a fault after that is recorded as the outcome.
 */
export async function runAction(
  steps: readonly Step[],
  context: CallContext,
  deps: PipelineDeps,
): Promise<Reply> {
  for (const step of steps) {
    try {
      const result = step.run(context, deps);
      if ((result instanceof Promise ? await result : result) === 'stop') break;
    } catch (error) {
      return failed(context, deps, step.name, error);
    }
  }
  return (
    context.reply ?? failed(context, deps, 'end', new Error('the pipeline ended without a reply'))
  );
}

async function failed(
  context: CallContext,
  deps: PipelineDeps,
  step: string,
  error: unknown,
): Promise<Reply> {
  const fault = deps.ids.next('fault');
  context.fault = { id: fault, step, error };
  if (!(isAppError(error) && error.code === 'GW_CANCELLED')) deps.onFault(context, step, error);
  const facts = { decisionId: context.decisionId, fault };
  if (context.receipt !== undefined) {
    // A decision stands; what failed came after it. A reply that a server already gave is not taken back.
    if (step !== 'record-outcome') appendOutcome(context, deps);
    if (context.reply !== undefined) return context.reply;
    if (isAppError(error)) return faultReply(error.code, error.message, facts);
    return faultReply(
      'GW_STEP_FAULT',
      `a check failed to run, so the call was not completed (fault ${fault})`,
      facts,
    );
  }
  if (step === 'record-decision') {
    return faultReply(
      'GW_NOT_RECORDED',
      'the decision could not be recorded durably, so the call was not forwarded',
      facts,
      503,
    );
  }
  context.decision = denied('step_fault', `the check ${step} failed to run.`);
  try {
    context.receipt = await deps.audit.append(decisionRecord(context));
  } catch (cause) {
    deps.onFault(context, 'record-decision', cause);
  }
  if (isAppError(error)) return faultReply(error.code, error.message, facts);
  return faultReply(
    'GW_STEP_FAULT',
    `a check failed to run, so the call was denied (fault ${fault})`,
    facts,
  );
}
