import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../kernel/clock.ts';
import type { GatewayPlace } from './find-gateway.ts';
import type { HttpRequest, HttpSend } from './http-request.ts';
import { ShimError } from './ports.ts';
import type { Tokens } from './tokens.ts';

/** Waits between attempts to reach a gateway that is not there, for example while it restarts. */
const CONNECT_WAITS_MS = [200, 600, 1_500];
const MAX_RETRY_AFTER_S = 5;
const MAX_BUSY_RETRIES = 3;
/** Nothing was delivered, so sending again cannot do a thing twice. */
const NOT_DELIVERED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

export type GatewayCall = (
  request: Omit<HttpRequest, 'url'> & { readonly signal: AbortSignal },
) => Promise<IncomingMessage>;

export function unreachable(place: GatewayPlace): ShimError {
  return new ShimError(
    `no Sallyport gateway answers at ${place.resource}; start it with: sallyport up`,
    5,
  );
}

/**
 * One request to the gateway under a fresh token: waits for a gateway that restarts, renews a token that was refused
 * once, and comes back later when the gateway is busy. Never repeats what may have been received.
 */
export function createGatewayCall(
  place: GatewayPlace,
  send: HttpSend,
  tokens: Tokens,
  clock: Clock,
  /** Looks again where the gateway is: it may come back on another port. */
  relocate: () => void,
): GatewayCall {
  const reach = async <T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    for (let tries = 0; ; tries += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (signal.aborted || !NOT_DELIVERED.has(codeOf(error) ?? '')) throw error;
        const wait = CONNECT_WAITS_MS[tries];
        if (wait === undefined) throw unreachable(place);
        await pause(clock, wait, signal);
        relocate();
      }
    }
  };
  return async (request) => {
    const { signal } = request;
    let renewed = false;
    for (let busy = 0; ; ) {
      const token = await reach(() => tokens.get(), signal);
      const response = await reach(
        () =>
          send({
            ...request,
            url: place.resource,
            headers: { ...request.headers, authorization: `Bearer ${token}` },
          }),
        signal,
      );
      const status = response.statusCode ?? 0;
      if (status === 401 && !renewed) {
        renewed = true;
        tokens.refused(token);
      } else if ((status === 429 || status === 503) && busy < MAX_BUSY_RETRIES) {
        busy += 1;
        const seconds = Number(response.headers['retry-after'] ?? 1);
        response.resume();
        await pause(clock, Math.min(Math.max(seconds || 1, 1), MAX_RETRY_AFTER_S) * 1000, signal);
        continue;
      } else return response;
      response.resume();
    }
  };
}

export function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

/** Ends early, without an error, when the signal aborts. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(done, ms);
    // The clock's timers let a process end; here the shim really waits.
    const hold = setInterval(() => undefined, 60_000);
    function done(): void {
      timer.cancel();
      clearInterval(hold);
      signal.removeEventListener('abort', done);
      resolve();
    }
    if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
  });
}
