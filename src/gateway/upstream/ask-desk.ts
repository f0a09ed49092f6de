import type { PeerAnswer, RawJson } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import { encodeError, encodeResult } from '../wire/message.ts';
import { rawAsString, rawGet } from '../wire/raw-json.ts';

export type Responder = (
  method: string,
  params: RawJson | undefined,
  signal: AbortSignal,
) => Promise<PeerAnswer>;

/** The open call on whose behalf a server asks. */
export interface AskOwner {
  readonly responder: Responder | undefined;
  /** Made with the first question: most calls are never asked anything. */
  asks: Set<AbortController> | undefined;
  hold(): void;
  release(): void;
}

export interface AskDesk {
  /** `owner` undefined: no open call, so nobody can be asked. `ping` is answered here, always. */
  take(owner: AskOwner | undefined, id: RawJson, method: string, params: RawJson | undefined): void;
  /** The server takes its request back. */
  cancel(id: RawJson): void;
  /** The call is over; what is still asked for it is aborted and stays without answer. */
  dismiss(owner: AskOwner): void;
}

/**
 * Requests of a legacy server to the client (sampling, elicitation, roots). At most `maxAsks` wait at once; an id in use
 * is refused.
 */
export function createAskDesk(options: {
  readonly maxAsks: number;
  send(text: string): void;
  onFlood(): void;
}): AskDesk {
  const open = new Map<string, AbortController>();
  const { send } = options;
  return {
    take(owner, id, method, params) {
      if (method === 'ping') return send(encodeResult(id, '{}' as RawJson));
      if (owner?.responder === undefined) {
        return send(encodeError(id, CODES.methodNotFound, 'no open request can answer this'));
      }
      if (open.size >= options.maxAsks || open.has(id)) {
        options.onFlood();
        return send(encodeError(id, CODES.internalError, 'too many open requests'));
      }
      const controller = new AbortController();
      open.set(id, controller);
      owner.asks ??= new Set();
      owner.asks.add(controller);
      owner.hold();
      owner
        .responder(method, params, controller.signal)
        .then(
          (answer) =>
            'result' in answer
              ? encodeResult(id, answer.result)
              : encodeGivenError(id, answer.error),
          () => encodeError(id, CODES.internalError, 'the request could not be answered'),
        )
        .then((text) => {
          open.delete(id);
          owner.asks?.delete(controller);
          owner.release();
          // A request that was taken back gets no answer (MCP cancellation).
          if (!controller.signal.aborted) send(text);
        });
    },
    cancel: (id) => open.get(id)?.abort(),
    dismiss(owner) {
      for (const controller of owner.asks ?? []) controller.abort();
    },
  };
}

/** An error object of the client, passed to the server as it came. */
function encodeGivenError(id: RawJson, error: RawJson): string {
  const code = rawGet(error, 'code');
  const message = rawGet(error, 'message');
  if (code === undefined || message === undefined || rawAsString(message) === undefined) {
    return encodeError(id, CODES.internalError, 'the request was refused');
  }
  return `{"jsonrpc":"2.0","id":${id},"error":${error}}`;
}
