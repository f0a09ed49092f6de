import type {
  ForwardTarget,
  InboundRequest,
  RawJson,
  Reply,
  UpstreamConnection,
} from '../model.ts';
import { rawSet } from '../wire/raw-json.ts';
import type { BrokerContext } from './context.ts';
import { protocolFault } from './fault-reply.ts';
import { readInputRequired, specialResultType } from './input-required.ts';
import {
  declaresTasks,
  modernTaskParams,
  modernTaskResult,
  withOurTaskId,
} from './modern-tasks.ts';
import { permitAsks } from './permit-asks.ts';
import { relayTo } from './relay.ts';
import { ASK_UNKNOWN } from './relay-ask.ts';
import { invalidState, resultReply, unknownTask } from './replies.ts';
import { keepPrivate } from './result-for-modern.ts';
import { readRetry, takesInput } from './retry-params.ts';
import { bindingOf, openState, sealState } from './sealed-state.ts';
import { withTrace } from './trace-context.ts';
import { upstreamRequest } from './upstream-request.ts';
import { errorForModern } from './wire-errors.ts';

/** Legacy messages have no place on a modern leg. */
const refuseAsk = (): Promise<typeof ASK_UNKNOWN> => Promise.resolve(ASK_UNKNOWN);

/**
 * Modern client, modern upstream: byte for byte, except that the upstream's `requestState` and task ids travel sealed
 * (bound to principal, server, method, name and arguments) and its questions pass policy before the client sees them.
 */
export async function modernOnModern(
  context: BrokerContext,
  connection: UpstreamConnection,
  request: InboundRequest,
  target: ForwardTarget,
): Promise<Reply> {
  const { downstream, method } = request;
  let params = withTrace(request, target);
  let round = 0;
  const retry = readRetry(params);
  if (retry.state !== undefined && params !== undefined) {
    const binding = bindingOf(request, target);
    const opened = retry.state === null ? undefined : openState(context, binding, retry.state);
    if (opened?.content.type !== 'upstream') return invalidState();
    if (!context.spent.claim(binding.owner, opened.nonce, opened.issuedAt)) return invalidState();
    params = rawSet(params, 'requestState', opened.content.state);
    round = opened.round;
  }
  if (method.startsWith('tasks/')) {
    const own = modernTaskParams(context, downstream.principal, target.server, params);
    if (own === undefined) return unknownTask();
    params = own;
  }
  const answer = await connection.request(
    upstreamRequest(target, {
      method,
      params,
      client: downstream.client,
      signal: downstream.signal,
      onNotification: relayTo(downstream),
      onRequest: refuseAsk,
    }),
  );
  if (answer.kind === 'error') return errorForModern(method, answer.error, target.params);
  const { result } = answer;
  if (method.startsWith('tasks/')) {
    return resultReply(await modernTaskResult(context, request, target, result));
  }
  const type = specialResultType(result);
  if (type === undefined) return resultReply(keepPrivate(method, result));
  if (type === 'task') {
    if (method !== 'tools/call' || !declaresTasks(downstream.client)) {
      throw protocolFault(target.server, 'it answered with a task that this request did not allow');
    }
    return resultReply(withOurTaskId(context, downstream.principal, target.server, result));
  }
  if (!takesInput(method)) throw protocolFault(target.server, `${method} cannot ask for input`);
  return askInput(context, request, target, { result, round });
}

async function askInput(
  context: BrokerContext,
  request: InboundRequest,
  target: ForwardTarget,
  asked: { readonly result: RawJson; readonly round: number },
): Promise<Reply> {
  const { asks, state } = readInputRequired(target.server, asked.result, context.limits);
  const refusal = await permitAsks(request, target, asks);
  if (refusal !== undefined) return refusal;
  if (state === undefined) return resultReply(asked.result);
  const sealed = sealState(
    context,
    bindingOf(request, target),
    { type: 'upstream', state },
    asked.round + 1,
  );
  return resultReply(rawSet(asked.result, 'requestState', sealed));
}
