import { isAppError, sha256Hex } from '../../kernel/index.ts';
import type { RawJson, Reply } from '../model.ts';
import { rawGet } from '../wire/raw-json.ts';
import { type CallContext, type PipelineDeps, recordBase, type Step } from './call-context.ts';

/** ok | error (the server refused) | tool_error | input_required | cancelled | fault. */
function effectOf(context: CallContext): string {
  const { fault, reply } = context;
  if (fault !== undefined)
    return isAppError(fault.error) && fault.error.code === 'GW_CANCELLED' ? 'cancelled' : 'fault';
  if (context.request.downstream.signal.aborted) return 'cancelled';
  if (reply === undefined) return 'fault';
  if (reply.kind === 'error') return 'error';
  // Most results are neither; the two members are looked up only when their names occur at all.
  if (reply.result.includes('"isError"') && rawGet(reply.result, 'isError') === 'true')
    return 'tool_error';
  if (
    reply.result.includes('"input_required"') &&
    rawGet(reply.result, 'resultType') === '"input_required"'
  ) {
    return 'input_required';
  }
  return 'ok';
}

function bodyOf(reply: Reply | undefined): RawJson | '' {
  if (reply === undefined) return '';
  return reply.kind === 'result' ? reply.result : ((reply.data ?? '') as RawJson);
}

/** Records what came back. Not awaited: the action has happened; a log that can't take it stops the next call. */
export function appendOutcome(context: CallContext, deps: PipelineDeps): void {
  const body = bodyOf(context.reply);
  if (body !== '' && context.target?.secretResult !== true) deps.bodies?.result(body);
  const error = context.fault?.error;
  deps.audit
    .append(
      {
        type: 'outcome',
        time: deps.clock.now(),
        ...recordBase(context),
        effect: effectOf(context),
        detail: {
          ms: Math.round((deps.clock.now() - context.time) * 1000) / 1000,
          result: sha256Hex(body),
          bytes: body.length,
          ...(context.reply?.kind === 'error' ? { code: context.reply.code } : {}),
          ...(error === undefined ? {} : { error: isAppError(error) ? error.code : 'INTERNAL' }),
          ...(context.fault === undefined
            ? {}
            : { fault: context.fault.id, step: context.fault.step }),
        },
      },
      'soon',
    )
    .catch((cause: unknown) => deps.onFault(context, 'record-outcome', cause));
}

export const recordOutcome: Step = {
  name: 'record-outcome',
  run(context, deps) {
    appendOutcome(context, deps);
    return 'next';
  },
};
