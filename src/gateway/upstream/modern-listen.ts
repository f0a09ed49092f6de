import { isAppError, type Timer } from '../../kernel/index.ts';
import type { ClientFacts, RawJson, UpstreamAnswer, UpstreamListener } from '../model.ts';
import { rawGet, rawItems, rawKind, rawObject } from '../wire/raw-json.ts';
import { backOffMs } from './back-off.ts';
import { modernParams } from './handshake.ts';
import { withoutSubscription } from './message-edits.ts';
import type { UpstreamDeps } from './ports.ts';
import { cancelled, timedOut, unavailable } from './upstream-errors.ts';

type Notify = (method: string, params: RawJson | undefined) => void;

export interface ModernListenPort {
  readonly server: string;
  readonly deps: UpstreamDeps;
  /** One `subscriptions/listen` request; resolves or rejects when it is over. */
  stream(
    params: RawJson,
    client: ClientFacts,
    signal: AbortSignal,
    onNotification: Notify,
  ): Promise<UpstreamAnswer>;
  /** Where the notifications of the stream go. */
  readonly emit: Notify;
  /** The connection is gone; no use in trying again. */
  ended(): boolean;
}

const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';

/**
 * `subscriptions/listen` of 2026-07-28. Resolves with the acknowledged subset; throws `GW_UPSTREAM_TIMEOUT` after
 * `acknowledgeMs`, `GW_UPSTREAM_UNAVAILABLE` when the server refuses. A stream that ends later is opened again with
 * back-off; since changes may have been missed in between, every acknowledged kind is then reported as changed once.
 */
export function openModernListen(
  port: ModernListenPort,
  filter: RawJson,
  client: ClientFacts,
  signal: AbortSignal,
): Promise<UpstreamListener> {
  const { server, deps } = port;
  const { clock, limits, logger, random } = deps;
  const params = modernParams(rawObject([['notifications', filter]]), client);
  const { promise, resolve, reject } = Promise.withResolvers<UpstreamListener>();
  let current = new AbortController();
  let retry: Timer | undefined;
  let acknowledged: RawJson | undefined;
  let failures = 0;
  let closed = false;

  const close = (): void => {
    if (closed) return;
    closed = true;
    deadline.cancel();
    retry?.cancel();
    signal.removeEventListener('abort', onAbort);
    current.abort();
  };
  const giveUp = (error: Error): void => {
    close();
    reject(error);
  };
  const onAbort = (): void => giveUp(cancelled());
  const deadline = clock.setTimeout(
    () => giveUp(timedOut(server, limits.acknowledgeMs)),
    limits.acknowledgeMs,
  );

  const attempt = (): void => {
    let live = false;
    current = new AbortController();
    const onNotification: Notify = (method, body) => {
      if (closed) return;
      if (method === ACKNOWLEDGED) {
        if (live) return;
        live = true;
        failures = 0;
        deadline.cancel();
        if (acknowledged !== undefined) return catchUp(acknowledged, port.emit);
        const subset = body === undefined ? undefined : rawGet(body, 'notifications');
        acknowledged =
          subset !== undefined && rawKind(subset) === 'object' ? subset : ('{}' as RawJson);
        resolve({ acknowledged, close });
      } else if (live) {
        port.emit(method, withoutSubscription(body));
      } else {
        deps.onFault({
          server,
          kind: 'unexpected_message',
          detail: 'a notification before the acknowledgement',
        });
      }
    };
    port.stream(params, client, current.signal, onNotification).then(
      (answer) =>
        over(
          answer.kind === 'error' ? unavailable(server, 'it refused the subscription') : undefined,
        ),
      (error: unknown) =>
        over(isAppError(error) ? error : unavailable(server, 'the subscription failed', error)),
    );
  };

  const over = (error: Error | undefined): void => {
    if (closed) return;
    if (acknowledged === undefined) {
      giveUp(error ?? unavailable(server, 'it ended the subscription before acknowledging it'));
      return;
    }
    failures++;
    if (port.ended() || failures > limits.maxResumes) {
      logger.warn({ server }, 'a subscription ended and could not be opened again');
      close();
      return;
    }
    retry = clock.setTimeout(attempt, backOffMs(failures, 1_000, limits.backoffMaxMs, random));
  };

  if (signal.aborted) giveUp(cancelled());
  else {
    signal.addEventListener('abort', onAbort, { once: true });
    attempt();
  }
  return promise;
}

function catchUp(acknowledged: RawJson, emit: Notify): void {
  for (const kind of ['tools', 'prompts', 'resources']) {
    if (rawGet(acknowledged, `${kind}ListChanged`) === 'true')
      emit(`notifications/${kind}/list_changed`, undefined);
  }
  const uris = rawGet(acknowledged, 'resourceSubscriptions');
  for (const uri of uris === undefined ? [] : (rawItems(uris) ?? [])) {
    emit('notifications/resources/updated', rawObject([['uri', uri]]));
  }
}
