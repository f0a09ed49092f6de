import { CellMap, isAppError } from '../../kernel/index.ts';
import type { InboundRequest, RawJson, Reply } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import { encodeError, encodeResult } from '../wire/message.ts';
import { rawOf } from '../wire/raw-json.ts';
import type { EdgeContext } from './context.ts';
import type { Exchange } from './exchange.ts';
import type { PrincipalState } from './principal-book.ts';
import { idKey } from './session-record.ts';

/** HTTP status when one more request does not fit. */
export function overload(ctx: EdgeContext, state: PrincipalState): 429 | 503 | undefined {
  if (ctx.closing || ctx.calls >= ctx.limits.maxCalls) return 503;
  return state.calls >= ctx.limits.maxCallsPerPrincipal ? 429 : undefined;
}

export const OVERLOADED: Readonly<Record<429 | 503, string>> = {
  429: 'too many requests of this caller are in flight',
  503: 'the gateway is at its limit or shutting down',
};

/** Counts the exchange in, runs `work`, writes its reply, counts it out. */
export function track(
  ctx: EdgeContext,
  exchange: Exchange,
  work: Promise<Reply>,
  kind: 'call' | 'listen' = 'call',
): void {
  // A listen stream may stay for hours and must not use up the caller's calls.
  count(ctx, exchange.state, kind, 1);
  exchange.state.open.add(exchange);
  work.then(
    (reply) => settle(ctx, exchange, reply, kind),
    (fault: unknown) => settle(ctx, exchange, faultReply(ctx, fault), kind),
  );
}

/** Hands a request to the core; a fault before the first await counts like any other. */
export function handle(ctx: EdgeContext, request: InboundRequest): Promise<Reply> {
  try {
    return ctx.deps.core.handle(request);
  } catch (fault) {
    return Promise.reject(fault);
  }
}

/** Registers a legacy request so that `notifications/cancelled` finds it. False when the id is already open. */
export function register(exchange: Exchange): boolean {
  const { session } = exchange;
  if (session === undefined) return true;
  const key = idKey(exchange.id);
  session.calls ??= new CellMap();
  if (session.calls.get(key) !== undefined) return false;
  session.calls.add(key, exchange);
  return true;
}

function count(ctx: EdgeContext, state: PrincipalState, kind: 'call' | 'listen', by: 1 | -1): void {
  if (kind === 'listen') state.streams += by;
  else {
    ctx.calls += by;
    state.calls += by;
  }
}

function settle(ctx: EdgeContext, exchange: Exchange, reply: Reply, kind: 'call' | 'listen'): void {
  const { session, state, outlet } = exchange;
  count(ctx, state, kind, -1);
  state.open.delete(exchange);
  if (session?.calls !== undefined) {
    const key = idKey(exchange.id);
    if (session.calls.get(key) === exchange) session.calls.delete(key);
    if (session.calls.size === 0) session.calls = undefined;
    session.lastSeen = ctx.clock.monotonic();
  }
  if (!exchange.done) {
    exchange.done = true;
    const modern = exchange.client.era === 'modern';
    outlet.finish(
      encodeReply(exchange.id, reply),
      modern && reply.kind === 'error' ? reply.status : 200,
    );
  }
  if (ctx.calls === 0) ctx.onIdle?.();
}

export function encodeReply(id: RawJson, reply: Reply): string {
  if (reply.kind === 'result') return encodeResult(id, reply.result);
  return encodeError(id, reply.code, reply.message, reply.data);
}

/** A thrown fault as the client sees it: our own codes with their public message, anything else by a fault id alone. */
export function faultReply(ctx: EdgeContext, fault: unknown): Reply {
  if (isAppError(fault)) {
    const data = rawOf(
      fault.hint === undefined ? { code: fault.code } : { code: fault.code, hint: fault.hint },
    );
    const status = fault.status === 503 || fault.status === 429 ? fault.status : 200;
    return { kind: 'error', status, code: CODES.internalError, message: fault.message, data };
  }
  const id = ctx.deps.ids.next('fault');
  ctx.deps.logger.error({ fault: id, err: fault }, 'a request failed in the gateway');
  return {
    kind: 'error',
    status: 200,
    code: CODES.internalError,
    message: 'internal error',
    data: rawOf({ fault: id }),
  };
}
