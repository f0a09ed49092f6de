import type { ClientFacts, ForwardTarget, PeerAnswer, RawJson, UpstreamRequest } from '../model.ts';

/** One request as the connection takes it; what differs between the pairings is given, the rest comes from the target. */
export function upstreamRequest(
  target: ForwardTarget,
  own: {
    readonly method: string;
    readonly params: RawJson | undefined;
    readonly client: ClientFacts;
    readonly signal: AbortSignal;
    readonly onNotification: (method: string, params: RawJson | undefined) => void;
    readonly onRequest: (
      method: string,
      params: RawJson | undefined,
      signal: AbortSignal,
    ) => Promise<PeerAnswer>;
  },
): UpstreamRequest {
  return {
    method: own.method,
    params: own.params,
    client: own.client,
    extraHeaders: target.extraHeaders,
    paramHeaders: target.paramHeaders,
    signal: own.signal,
    timeoutMs: target.timeoutMs,
    onNotification: own.onNotification,
    onRequest: own.onRequest,
  };
}
