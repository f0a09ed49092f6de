import type { ClientFacts, Downstream, ForwardTarget, PeerAnswer, RawJson } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import { rawOf } from '../wire/raw-json.ts';
import { isAsk, missingCapability } from './ask-capability.ts';
import type { BrokerContext } from './context.ts';
import { deadline } from './deadline.ts';

/** Outside -32768..-32000: the gateway's policy refused what the server asked. */
export const CODE_ASK_REFUSED = 1403;

export const peerError = (code: number, message: string): PeerAnswer => ({
  error: rawOf({ code, message }),
});

export const ASK_REFUSED = peerError(CODE_ASK_REFUSED, 'the gateway does not allow this request');
export const ASK_UNKNOWN = peerError(CODES.methodNotFound, 'Method not found');
export const ASK_UNAVAILABLE = peerError(
  CODES.methodNotFound,
  'the client cannot be asked on this connection',
);
export const ASK_UNANSWERED = peerError(CODES.internalError, 'the client did not answer');
export const ASK_NO_ROOM = peerError(
  CODES.internalError,
  'the gateway holds too many open questions',
);

/** The error an undeclared ask gets, before anybody is bothered. */
export function capabilityRefusal(
  client: ClientFacts,
  method: string,
  params: RawJson | undefined,
): PeerAnswer | undefined {
  const missing = missingCapability(client, method, params);
  return missing && peerError(missing.code, `the client does not support ${missing.what}`);
}

/**
 * Puts a legacy server's question to a legacy client: declared capability, then policy, then the client. The answer's
 * bytes are not touched. Never rejects.
 */
export async function relayAsk(
  context: Pick<BrokerContext, 'clock' | 'limits'>,
  downstream: Downstream,
  target: ForwardTarget,
  ask: {
    readonly method: string;
    readonly params: RawJson | undefined;
    readonly signal: AbortSignal;
  },
): Promise<PeerAnswer> {
  const { method, params } = ask;
  if (isAsk(method)) {
    const refusal = capabilityRefusal(downstream.client, method, params);
    if (refusal !== undefined) return refusal;
  }
  if (downstream.ask === undefined) return ASK_UNAVAILABLE;
  const limit = deadline(context.clock, context.limits.legMs, [ask.signal, downstream.signal]);
  try {
    if (!(await target.permitAsk(method, params))) return ASK_REFUSED;
    if (limit.signal.aborted) return ASK_UNANSWERED;
    return await downstream.ask(method, params, limit.signal);
  } catch {
    return ASK_UNANSWERED;
  } finally {
    limit.done();
  }
}
