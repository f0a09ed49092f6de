import type { UpstreamInfo } from '../model.ts';
import { modernParams } from './handshake.ts';
import { createLegacyListen } from './legacy-listen.ts';
import { createConnectionEvents, type ManagedConnection } from './managed-connection.ts';
import { openModernListen } from './modern-listen.ts';
import type { UpstreamDeps } from './ports.ts';
import type { RpcLink } from './rpc-link.ts';

export interface DuplexConnectionOptions {
  readonly server: string;
  readonly info: UpstreamInfo;
  readonly link: RpcLink;
  readonly closed: () => Promise<void>;
  readonly lastWords: () => string | undefined;
}

/** A connection over one shared pipe (stdio, HTTP+SSE) after its handshake. */
export function createDuplexConnection(
  options: DuplexConnectionOptions,
  deps: UpstreamDeps,
): ManagedConnection {
  const { server, info, link } = options;
  const modern = info.era === 'modern';
  const events = createConnectionEvents(server, deps.logger);
  let wanted: string | undefined;
  link.onNotification(events.emit);
  link.onEnd((end) => events.end(wanted ?? end.problem));

  const legacy = createLegacyListen({
    info,
    call: (method, params, signal) =>
      link.call({
        method,
        params,
        signal,
        timeoutMs: deps.limits.acknowledgeMs,
        onNotification: events.emit,
        onRequest: undefined,
      }),
  });

  return {
    server,
    info,
    request: (request) =>
      link.call({
        method: request.method,
        params: modern ? modernParams(request.params, request.client) : request.params,
        signal: request.signal,
        timeoutMs: request.timeoutMs,
        onNotification: (method, params) => request.onNotification(method, params),
        onRequest: modern
          ? undefined
          : (method, params, signal) => request.onRequest(method, params, signal),
      }),
    notify: (method, params) => link.notify(method, params),
    onNotification: events.onNotification,
    tap: events.tap,
    onClose: events.onClose,
    listen: (filter, client, signal) =>
      modern
        ? openModernListen(
            {
              server,
              deps,
              emit: events.emit,
              ended: link.ended,
              stream: (params, _client, streamSignal, onNotification) =>
                link.call({
                  method: 'subscriptions/listen',
                  params,
                  signal: streamSignal,
                  timeoutMs: undefined,
                  onNotification,
                  onRequest: undefined,
                }),
            },
            filter,
            client,
            signal,
          )
        : legacy.open(filter, signal),
    inFlight: () => link.inFlight() + legacy.count(),
    watched: events.watched,
    close(reason) {
      wanted ??= reason;
      link.close();
    },
    closed: options.closed,
    lastWords: options.lastWords,
  };
}
