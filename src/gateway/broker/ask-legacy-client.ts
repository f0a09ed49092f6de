import type { ForwardTarget, InboundRequest, PeerAnswer, RawJson, Reply } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import {
  rawAsString,
  rawGet,
  rawKind,
  rawObject,
  rawOf,
  rawSet,
  rawString,
} from '../wire/raw-json.ts';
import { isAsk, isUrlAsk, missingCapability } from './ask-capability.ts';
import type { BrokerContext } from './context.ts';
import { deadline } from './deadline.ts';
import { cancelledFault, protocolFault } from './fault-reply.ts';
import type { InputRequest } from './input-required.ts';
import { askRefused, describeAsk } from './permit-asks.ts';
import { errorReply, failure } from './replies.ts';

/** This round's `inputResponses`, or what the call answers because there won't be any. */
export type AskedClient = { readonly responses: RawJson } | { readonly reply: Reply };

/**
 * Puts the questions of one round to a legacy client, all at once, each after policy. When the client can't be asked
 * nothing is sent at all.
 */
export async function askLegacyClient(
  context: BrokerContext,
  request: InboundRequest,
  target: ForwardTarget,
  asks: readonly InputRequest[],
): Promise<AskedClient> {
  const { downstream } = request;
  for (const ask of asks) {
    if (!isAsk(ask.method))
      throw protocolFault(target.server, 'it asks for something that cannot be asked');
  }
  const { ask: askClient } = downstream;
  const impossible = asks.some(
    (ask) => missingCapability(downstream.client, ask.method, ask.params) !== undefined,
  );
  for (const ask of asks) {
    if (!(await target.permitAsk(ask.method, ask.params)))
      return { reply: askRefused(request, target, ask.method) };
  }
  if (impossible || askClient === undefined)
    return { reply: cannotAsk(context, request, target, asks) };

  const leg = deadline(context.clock, context.limits.legMs, [downstream.signal]);
  const round = new AbortController();
  const stop = (): void => round.abort();
  leg.signal.addEventListener('abort', stop, { once: true });
  try {
    const answers = await Promise.all(
      asks.map(async (ask): Promise<readonly [string, RawJson]> => {
        const answer = await askClient(ask.method, forLegacy(context, ask), round.signal);
        return [ask.key, responseOf(ask, answer)];
      }),
    );
    return { responses: rawObject(answers) };
  } catch (fault) {
    if (downstream.signal.aborted) throw cancelledFault();
    const method = fault instanceof Unanswered ? fault.method : (asks[0]?.method ?? '');
    return { reply: unanswered(request, target, method) };
  } finally {
    stop();
    leg.done();
  }
}

/** A question that came back with an error. */
class Unanswered extends Error {
  readonly method: string;
  constructor(method: string) {
    super('unanswered');
    this.method = method;
  }
}

/** Modern URL elicitation has no `elicitationId`, which 2025-11-25 requires. */
function forLegacy(context: BrokerContext, ask: InputRequest): RawJson | undefined {
  if (ask.params === undefined || !isUrlAsk(ask.method, ask.params)) return ask.params;
  return rawSet(ask.params, 'elicitationId', rawString(elicitationId(context)));
}

const elicitationId = (context: BrokerContext): string =>
  Buffer.from(context.random.bytes(16)).toString('hex');

/** A bare result is the response. An elicitation that failed counts as cancelled; the others can't be told to a server. */
function responseOf(ask: InputRequest, answer: PeerAnswer): RawJson {
  if ('result' in answer && rawKind(answer.result) === 'object') return answer.result;
  if (ask.method === 'elicitation/create') return '{"action":"cancel"}' as RawJson;
  throw new Unanswered(ask.method);
}

function unanswered(request: InboundRequest, target: ForwardTarget, method: string): Reply {
  return failure(request.method, 'legacy', {
    code: 'GW_ASK_UNANSWERED',
    text: `Server ${target.server} asked for ${describeAsk(method)} and got no answer. The call was not completed.`,
    facts: { server: target.server, call: target.call },
  });
}

interface UrlAsk {
  readonly url: string;
  readonly message: string;
}

function urlAsk(ask: InputRequest): UrlAsk | undefined {
  if (ask.params === undefined || !isUrlAsk(ask.method, ask.params)) return undefined;
  const text = (key: string): string => {
    const raw = ask.params === undefined ? undefined : rawGet(ask.params, key);
    return (raw === undefined ? undefined : rawAsString(raw)) ?? '';
  };
  return { url: text('url'), message: text('message') };
}

/**
 * The client can't be asked on this request. A 2025-11-25 client that knows URL mode is told the URLs by -32042; a tool
 * call tells the model, with the URL when there is one; anything else is an error.
 */
function cannotAsk(
  context: BrokerContext,
  request: InboundRequest,
  target: ForwardTarget,
  asks: readonly InputRequest[],
): Reply {
  const { client } = request.downstream;
  const urls = asks.flatMap((ask) => urlAsk(ask) ?? []);
  const knowsUrls = asks.every(
    (ask) =>
      isUrlAsk(ask.method, ask.params) &&
      missingCapability(client, ask.method, ask.params) === undefined,
  );
  if (knowsUrls && client.revision >= '2025-11-25') {
    const elicitations = urls.map(({ url, message }) => ({
      mode: 'url',
      elicitationId: elicitationId(context),
      url,
      message,
    }));
    return errorReply(
      CODES.urlElicitationRequired,
      `server ${target.server} needs the user to open a URL`,
      rawOf({ elicitations }),
    );
  }
  const kinds = [...new Set(asks.map((ask) => describeAsk(ask.method)))].join(' and ');
  const links = urls.map(({ url, message }) => ` ${message} Open: ${url}`).join('');
  return failure(request.method, 'legacy', {
    code: 'GW_CANNOT_ASK',
    text: `Server ${target.server} needs ${kinds}, which this client cannot give here. The call was not completed.${links}`,
    facts: { server: target.server, call: target.call },
  });
}
