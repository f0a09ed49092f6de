import type { ForwardTarget, InboundRequest, Reply } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import { rawOf } from '../wire/raw-json.ts';
import { isAsk, missingCapability } from './ask-capability.ts';
import { protocolFault } from './fault-reply.ts';
import type { InputRequest } from './input-required.ts';
import { errorReply, failure } from './replies.ts';

/**
 * Lets a modern upstream's questions pass to a modern client, or says why not: kinds this request did not declare are
 * -32021 (2026-07-28), what policy refuses ends the call.
 */
export async function permitAsks(
  request: InboundRequest,
  target: ForwardTarget,
  asks: readonly InputRequest[],
): Promise<Reply | undefined> {
  const { client } = request.downstream;
  for (const ask of asks) {
    if (!isAsk(ask.method))
      throw protocolFault(target.server, 'it asks for something that cannot be asked');
    const missing = missingCapability(client, ask.method, ask.params);
    if (missing !== undefined) {
      const facts = {
        code: 'GW_CANNOT_ASK',
        server: target.server,
        requiredCapabilities: missing.required,
      };
      return errorReply(
        CODES.missingCapability,
        `server ${target.server} needs ${missing.what}`,
        rawOf(facts),
      );
    }
  }
  for (const ask of asks) {
    if (!(await target.permitAsk(ask.method, ask.params)))
      return askRefused(request, target, ask.method);
  }
  return undefined;
}

/** The call ends, because policy does not let the server ask and the server can't go on without an answer. */
export function askRefused(request: InboundRequest, target: ForwardTarget, method: string): Reply {
  return failure(request.method, request.downstream.client.era, {
    code: 'GW_ASK_REFUSED',
    text: `Server ${target.server} wanted ${describeAsk(method)}, which policy does not allow. The call was not completed.`,
    facts: { server: target.server, call: target.call },
  });
}

export function describeAsk(method: string): string {
  if (method === 'sampling/createMessage') return 'a completion from the client’s model';
  if (method === 'elicitation/create') return 'input from the user';
  return 'the client’s list of roots';
}
