import type {
  ForwardTarget,
  InboundRequest,
  RawJson,
  Reply,
  UpstreamAnswer,
  UpstreamConnection,
} from '../model.ts';
import { CODES } from '../wire/codes.ts';
import { rawKind, rawMembers } from '../wire/raw-json.ts';
import type { BrokerContext } from './context.ts';
import { embeddedRequest, inputRequiredResult } from './embedded-request.ts';
import { cancelledFault } from './fault-reply.ts';
import { type LiveCall, startCall } from './live-call.ts';
import { ownerKey } from './owner-key.ts';
import { relayTo } from './relay.ts';
import { ASK_NO_ROOM, ASK_UNKNOWN } from './relay-ask.ts';
import { errorReply, invalidState, lostCall, resultReply } from './replies.ts';
import { resultForModern } from './result-for-modern.ts';
import { readRetry, stripRetry, takesInput } from './retry-params.ts';
import { bindingOf, openState, sealState } from './sealed-state.ts';
import { withTrace } from './trace-context.ts';
import { upstreamRequest } from './upstream-request.ts';
import { saidNo, urlDeclined, urlQuestions } from './url-questions.ts';
import { errorForModern, readError } from './wire-errors.ts';

const refuseAsk = (): Promise<typeof ASK_UNKNOWN> => Promise.resolve(ASK_UNKNOWN);

/** One exchange: the connection, what the client asked, and what it was decided on. */
interface Exchange {
  readonly context: BrokerContext;
  readonly connection: UpstreamConnection;
  readonly request: InboundRequest;
  readonly target: ForwardTarget;
}

/**
 * Modern client, legacy upstream (table 4.2). A question of the server in the middle of a call parks that call and
 * answers `input_required`; the client's retry resumes it. A parked call is never run again.
 */
export async function modernOnLegacy(
  context: BrokerContext,
  connection: UpstreamConnection,
  request: InboundRequest,
  target: ForwardTarget,
): Promise<Reply> {
  const { method } = request;
  const exchange: Exchange = { context, connection, request, target };
  // Core tasks of a legacy server are run for the client, so it holds no task ids of this server.
  if (method.startsWith('tasks/')) return errorReply(CODES.methodNotFound, 'Method not found');
  if (!takesInput(method)) return plainCall(exchange);
  const retry = readRetry(target.params);
  if (retry.state === undefined) return begin(exchange, 0);
  return resume(exchange, retry.state, retry.responses);
}

async function plainCall({ connection, request, target }: Exchange): Promise<Reply> {
  const { method, downstream } = request;
  const answer = await connection.request(
    upstreamRequest(target, {
      method,
      params: withTrace(request, target),
      client: downstream.client,
      signal: downstream.signal,
      onNotification: relayTo(downstream),
      onRequest: refuseAsk,
    }),
  );
  if (answer.kind === 'error') return errorForModern(method, answer.error, target.params);
  return resultReply(resultForModern(method, answer.result, connection.info));
}

function begin(exchange: Exchange, round: number): Promise<Reply> {
  const { context, connection, request, target } = exchange;
  const { method, downstream } = request;
  const call = startCall(
    context,
    connection,
    {
      owner: ownerKey(downstream.principal),
      agentId: downstream.principal.agent.id,
      method,
      params: stripRetry(withTrace(request, target)),
      round,
    },
    downstream,
    target,
  );
  return drive(exchange, call);
}

async function resume(
  exchange: Exchange,
  token: string | null,
  responses: RawJson | undefined,
): Promise<Reply> {
  const { context, request, target } = exchange;
  const binding = bindingOf(request, target);
  const opened = token === null ? undefined : openState(context, binding, token);
  if (opened === undefined) return invalidState();
  const { content } = opened;
  if (content.type === 'parked') {
    if (content.instance !== context.instance) return lostCall();
    const call = context.parked.take(content.id, binding.owner);
    if (call === undefined) return lostCall();
    call.attach(request.downstream, target);
    giveAnswers(call, responses);
    return drive(exchange, call);
  }
  if (content.type !== 'url' || !context.spent.claim(binding.owner, opened.nonce, opened.issuedAt))
    return invalidState();
  return saidNo(responses) ? urlDeclined(request, target) : begin(exchange, opened.round);
}

/** Unknown keys are ignored; a question without a usable answer stays open and is asked again. */
function giveAnswers(call: LiveCall, responses: RawJson | undefined): void {
  for (const [key, response] of (responses === undefined ? undefined : rawMembers(responses)) ??
    []) {
    if (rawKind(response) === 'object') call.answer(key, { result: response });
  }
}

/** Works on a call until it answers, or until it has to ask and is parked. */
async function drive(exchange: Exchange, call: LiveCall): Promise<Reply> {
  const { signal } = exchange.request.downstream;
  const cancel = (): void => call.cancel();
  if (signal.aborted) call.cancel();
  else signal.addEventListener('abort', cancel, { once: true });
  try {
    for (;;) {
      const event = await call.next();
      if (event.kind === 'answer') return await finish(exchange, call, event.answer);
      if (event.kind === 'fault') throw signal.aborted ? cancelledFault() : event.fault;
      const parked = signal.aborted ? undefined : park(exchange, call);
      if (parked !== undefined) return parked;
      call.answerAll(ASK_NO_ROOM);
    }
  } finally {
    signal.removeEventListener('abort', cancel);
    call.detach();
  }
}

/** `input_required` with what waits; undefined when there is no room to hold the call. */
function park(
  { context, connection, request, target }: Exchange,
  call: LiveCall,
): Reply | undefined {
  const id = Buffer.from(context.random.bytes(16)).toString('base64url');
  if (!context.parked.put(id, call, context.limits.legMs)) return undefined;
  call.round++;
  const content = { type: 'parked', instance: context.instance, id, call: call.call } as const;
  const state = sealState(context, bindingOf(request, target), content, call.round);
  const asks = [...call.asks].map(([key, ask]): readonly [string, RawJson] => [
    key,
    embeddedRequest(ask.method, ask.params),
  ]);
  return resultReply(inputRequiredResult(asks, state, connection.info.serverInfo));
}

async function finish(exchange: Exchange, call: LiveCall, answer: UpstreamAnswer): Promise<Reply> {
  const { context, connection, request, target } = exchange;
  const { method } = request;
  if (answer.kind === 'result')
    return resultReply(resultForModern(method, answer.result, connection.info));
  const { code, data } = readError(answer.error);
  if (code === CODES.urlElicitationRequired) {
    return urlQuestions(context, request, target, {
      data,
      round: call.round,
      serverInfo: connection.info.serverInfo,
    });
  }
  return errorForModern(method, answer.error, target.params);
}
