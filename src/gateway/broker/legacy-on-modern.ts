import type {
  ForwardTarget,
  InboundRequest,
  RawJson,
  Reply,
  UpstreamConnection,
} from '../model.ts';
import { askLegacyClient } from './ask-legacy-client.ts';
import { clientForModern } from './client-for-modern.ts';
import type { BrokerContext } from './context.ts';
import { pause } from './deadline.ts';
import { cancelledFault, protocolFault } from './fault-reply.ts';
import { readInputRequired, specialResultType } from './input-required.ts';
import { relayTo, risingProgress } from './relay.ts';
import { ASK_UNKNOWN } from './relay-ask.ts';
import { errorReply, failure, resultReply } from './replies.ts';
import { resultForLegacy } from './result-for-legacy.ts';
import { stripRetry, takesInput, withRetry } from './retry-params.ts';
import { withTrace } from './trace-context.ts';
import { upstreamRequest } from './upstream-request.ts';
import { refusedUrlError } from './url-questions.ts';
import { errorForLegacy } from './wire-errors.ts';

const refuseAsk = (): Promise<typeof ASK_UNKNOWN> => Promise.resolve(ASK_UNKNOWN);

/**
 * Legacy client, modern upstream (table 4.1): results lose what the client's revision doesn't know, and
 * `input_required` becomes real questions on the client's stream, then a new upstream request with this round's answers
 * and the upstream's exact `requestState`.
 */
export async function legacyOnModern(
  context: BrokerContext,
  connection: UpstreamConnection,
  request: InboundRequest,
  target: ForwardTarget,
): Promise<Reply> {
  const { downstream, method } = request;
  // Core tasks of 2025-11-25 are gone, and the extension is never declared for a legacy client.
  if (method.startsWith('tasks/')) return errorReply(-32601, 'Method not found');
  const client = clientForModern(downstream);
  // A legacy client owns no retry members: what it sends under these names must not reach a server as state.
  const first = stripRetry(withTrace(request, target));
  const relay = risingProgress(relayTo(downstream));
  let params = first;
  for (let round = 0; ; round++) {
    const answer = await connection.request(
      upstreamRequest(target, {
        method,
        params,
        client,
        signal: downstream.signal,
        onNotification: relay,
        onRequest: refuseAsk,
      }),
    );
    if (answer.kind === 'error') {
      const refused = await refusedUrlError(context, request, target, answer.error);
      return refused ?? errorForLegacy(method, answer.error);
    }
    const type = specialResultType(answer.result);
    if (type === 'task')
      throw protocolFault(target.server, 'it answered with a task that nobody asked for');
    if (type === undefined) {
      return resultReply(resultForLegacy(method, answer.result, downstream.client.revision));
    }
    if (!takesInput(method)) throw protocolFault(target.server, `${method} cannot ask for input`);
    if (round >= context.limits.maxRounds) return tooManyRounds(context, request, target);
    const { asks, state } = readInputRequired(target.server, answer.result, context.limits);
    let answers: RawJson | undefined;
    if (asks.length === 0) {
      if (!(await pause(context.clock, context.limits.pacingMs, downstream.signal)))
        throw cancelledFault();
    } else {
      const asked = await askLegacyClient(context, request, target, asks);
      if ('reply' in asked) return asked.reply;
      answers = asked.responses;
    }
    if (downstream.signal.aborted) throw cancelledFault();
    params = withRetry(first, answers, state);
  }
}

function tooManyRounds(
  context: BrokerContext,
  request: InboundRequest,
  target: ForwardTarget,
): Reply {
  return failure(request.method, 'legacy', {
    code: 'GW_TOO_MANY_ROUNDS',
    text: `Server ${target.server} still asked for input after ${context.limits.maxRounds} rounds. The call was not completed.`,
    facts: { server: target.server, call: target.call },
  });
}
