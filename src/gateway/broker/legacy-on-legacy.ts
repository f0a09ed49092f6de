import type {
  ForwardTarget,
  InboundRequest,
  RawJson,
  Reply,
  UpstreamConnection,
} from '../model.ts';
import { knowsAllContent } from './content-for-revision.ts';
import type { BrokerContext } from './context.ts';
import {
  legacyTaskParams,
  legacyTaskResult,
  relatedTaskFor,
  touchesTasks,
  withOurId,
} from './legacy-tasks.ts';
import { ownerKey } from './owner-key.ts';
import { relayTo } from './relay.ts';
import { relayAsk } from './relay-ask.ts';
import { resultReply, unknownTask } from './replies.ts';
import { downgradeResult } from './result-for-legacy.ts';
import { withTrace } from './trace-context.ts';
import { upstreamRequest } from './upstream-request.ts';
import { refusedUrlError } from './url-questions.ts';
import { sameError } from './wire-errors.ts';

/**
 * Legacy client, legacy upstream: everything passes byte for byte. Questions of the server go through policy to the
 * client. Task ids become ours, and a client older than the upstream gets the content its revision knows.
 */
export async function legacyOnLegacy(
  context: BrokerContext,
  connection: UpstreamConnection,
  request: InboundRequest,
  target: ForwardTarget,
): Promise<Reply> {
  const { downstream, method } = request;
  const { client } = downstream;
  let params = withTrace(request, target);
  const tasks = touchesTasks(method, params);
  if (tasks && method !== 'tools/call') {
    const own = legacyTaskParams(context, downstream.principal, target.server, method, params);
    if (own === undefined) return unknownTask();
    params = own.params;
  }
  const relay = relayTo(downstream);
  const answer = await connection.request(
    upstreamRequest(target, {
      method,
      params,
      client,
      signal: downstream.signal,
      onNotification: (notified, body) =>
        relay(
          notified,
          notified === 'notifications/tasks/status' && body !== undefined
            ? withOurId(context, ownerKey(downstream.principal), target.server, body)
            : body,
        ),
      onRequest: (asked, asking, signal) => {
        const shown = tasks
          ? relatedTaskFor(context, downstream.principal, target.server, asking)
          : asking;
        return relayAsk(context, downstream, target, { method: asked, params: shown, signal });
      },
    }),
  );
  if (answer.kind === 'error') {
    const refused = await refusedUrlError(context, request, target, answer.error);
    return refused ?? sameError(answer.error);
  }
  let result: RawJson = answer.result;
  if (tasks)
    result = legacyTaskResult(context, downstream.principal, target.server, method, result);
  if (!knowsAllContent(client.revision) && client.revision < connection.info.revision) {
    result = downgradeResult(method, result, client.revision);
  }
  return resultReply(result);
}
