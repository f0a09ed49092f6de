import type { ForwardTarget, InboundRequest, RawJson, Reply } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import {
  rawAsString,
  rawGet,
  rawItems,
  rawMembers,
  rawObject,
  rawOf,
  rawString,
} from '../wire/raw-json.ts';
import { missingCapability } from './ask-capability.ts';
import type { BrokerContext } from './context.ts';
import { inputRequiredResult } from './embedded-request.ts';
import { protocolFault } from './fault-reply.ts';
import { askRefused } from './permit-asks.ts';
import { errorReply, failure, resultReply, toolError } from './replies.ts';
import { bindingOf, sealState } from './sealed-state.ts';
import { readError } from './wire-errors.ts';

interface UrlQuestion {
  readonly url: string;
  readonly params: RawJson;
}

/**
 * -32042 of a 2025-11-25 server: the call was not run, the user has to open URLs first. A modern client gets them as
 * URL `inputRequests`; its retry sends the call again.
 */
export async function urlQuestions(
  context: BrokerContext,
  request: InboundRequest,
  target: ForwardTarget,
  asked: {
    readonly data: RawJson | undefined;
    readonly round: number;
    readonly serverInfo: RawJson;
  },
): Promise<Reply> {
  const { method, downstream } = request;
  const questions = readQuestions(target.server, asked.data, context.limits.maxAsks);
  for (const { params } of questions) {
    if (!(await target.permitAsk('elicitation/create', params)))
      return askRefused(request, target, 'elicitation/create');
  }
  const missing = questions
    .map(({ params }) => missingCapability(downstream.client, 'elicitation/create', params))
    .find((one) => one !== undefined);
  if (missing !== undefined) {
    const text = `Server ${target.server} needs the user to open a URL first: ${questions.map(({ url }) => url).join(' ')}`;
    if (method === 'tools/call') return toolError('modern', 'GW_CANNOT_ASK', text);
    return errorReply(
      CODES.missingCapability,
      text,
      rawOf({ code: 'GW_CANNOT_ASK', requiredCapabilities: missing.required }),
    );
  }
  if (asked.round >= context.limits.maxRounds) {
    return failure(method, 'modern', {
      code: 'GW_TOO_MANY_ROUNDS',
      text: `Server ${target.server} still wanted a URL opened after ${context.limits.maxRounds} rounds. The call was not run.`,
      facts: { server: target.server, call: target.call },
    });
  }
  const state = sealState(context, bindingOf(request, target), { type: 'url' }, asked.round + 1);
  const entries = questions.map(({ params }, index): readonly [string, RawJson] => [
    `url-${index + 1}`,
    rawObject([
      ['method', rawString('elicitation/create')],
      ['params', params],
    ]),
  ]);
  return resultReply(inputRequiredResult(entries, state, asked.serverInfo));
}

/**
 * -32042 on its way to a legacy client, which gets it as it came: it asks the user for something like any elicitation,
 * so policy decides and the record stands first. The refusal when policy says no; undefined for any other error.
 * Throws `GW_UPSTREAM_PROTOCOL` for one whose questions can't be read.
 */
export async function refusedUrlError(
  context: Pick<BrokerContext, 'limits'>,
  request: InboundRequest,
  target: ForwardTarget,
  error: RawJson,
): Promise<Reply | undefined> {
  const { code, data } = readError(error);
  if (code !== CODES.urlElicitationRequired) return undefined;
  for (const { params } of readQuestions(target.server, data, context.limits.maxAsks)) {
    if (!(await target.permitAsk('elicitation/create', params)))
      return askRefused(request, target, 'elicitation/create');
  }
  return undefined;
}

function readQuestions(server: string, data: RawJson | undefined, max: number): UrlQuestion[] {
  const list = data === undefined ? undefined : rawGet(data, 'elicitations');
  const items = list === undefined ? undefined : rawItems(list);
  if (items === undefined || items.length === 0 || items.length > max) {
    throw protocolFault(server, '-32042 without usable elicitations');
  }
  return items.map((item) => {
    const url = text(item, 'url');
    if (url === undefined || !/^https?:\/\//i.test(url))
      throw protocolFault(server, '-32042 without a web address');
    return {
      url,
      params: rawOf({
        mode: 'url',
        message: text(item, 'message') ?? 'Open this page to continue.',
        url,
      }),
    };
  });
}

function text(raw: RawJson, key: string): string | undefined {
  const value = rawGet(raw, key);
  return value === undefined ? undefined : rawAsString(value);
}

/** True when the user said no to one of the URLs. A missing answer is not a no: the server will ask again. */
export function saidNo(responses: RawJson | undefined): boolean {
  for (const response of (responses === undefined ? undefined : rawMembers(responses))?.values() ??
    []) {
    const action = text(response, 'action');
    if (action === 'decline' || action === 'cancel') return true;
  }
  return false;
}

export function urlDeclined(request: InboundRequest, target: ForwardTarget): Reply {
  return failure(request.method, 'modern', {
    code: 'GW_ASK_DECLINED',
    text: `The user did not open the page that server ${target.server} needs. The call was not run.`,
    facts: { server: target.server, call: target.call },
  });
}
