import { isAppError, type Result } from '../../kernel/index.ts';
import type { ClientFacts, Era, UpstreamAnswer, UpstreamInfo } from '../model.ts';
import type { ChannelEnd, DuplexChannel } from './duplex-channel.ts';
import { createDuplexConnection } from './duplex-connection.ts';
import { OWN_CLIENT } from './gateway-identity.ts';
import { initializeParams, modernParams, readDiscover, readInitialize } from './handshake.ts';
import type { ManagedConnection } from './managed-connection.ts';
import type { UpstreamDeps } from './ports.ts';
import { createRpcLink } from './rpc-link.ts';
import { createStdioChannel, type StdioConfig } from './stdio-channel.ts';
import { unavailable } from './upstream-errors.ts';

/** Starts the server's process and shakes hands. Throws `GW_UPSTREAM_UNAVAILABLE` or `GW_CANCELLED`. */
export function connectStdio(
  server: string,
  config: StdioConfig,
  era: Era,
  client: ClientFacts,
  signal: AbortSignal | undefined,
  deps: UpstreamDeps,
  onLastWords: (line: string | undefined) => void = () => {},
): Promise<ManagedConnection> {
  const channel = createStdioChannel(server, config, deps);
  // A shared process can't tell whose client it would ask, so it is told that there is nothing to ask for.
  const facts = config.shared ? OWN_CLIENT : client;
  const lastWords = (): string | undefined => channel.stderr().at(-1);
  const handshake = { era, exclusive: !config.shared, client: facts, signal };
  return connectDuplex(server, channel, handshake, deps, lastWords).catch((error: unknown) => {
    // For the operator's status line only: stderr may hold what no caller should see.
    onLastWords(lastWords());
    throw error;
  });
}

export interface DuplexHandshake {
  readonly era: Era;
  readonly exclusive: boolean;
  readonly client: ClientFacts;
  readonly signal: AbortSignal | undefined;
}

/** The handshake on any shared pipe. The channel is closed when it fails. */
export async function connectDuplex(
  server: string,
  channel: DuplexChannel,
  { era, exclusive, client, signal }: DuplexHandshake,
  deps: UpstreamDeps,
  lastWords: () => string | undefined,
): Promise<ManagedConnection> {
  const link = createRpcLink(channel, { server, era, exclusive }, deps);
  let end: ChannelEnd | undefined;
  link.onEnd((reason) => {
    end = reason;
  });
  const modern = era === 'modern';
  let answer: UpstreamAnswer;
  try {
    answer = await link.call({
      method: modern ? 'server/discover' : 'initialize',
      params: modern ? modernParams(undefined, client) : initializeParams(client),
      signal,
      timeoutMs: deps.limits.connectMs,
      onNotification: () => {},
      onRequest: undefined,
    });
  } catch (error) {
    channel.close();
    if (end !== undefined) throw unavailable(server, end.problem, error);
    if (isAppError(error) && error.code === 'GW_UPSTREAM_TIMEOUT') {
      throw unavailable(server, 'it did not answer the handshake in time', error);
    }
    throw error;
  }
  const info = readHandshake(answer, era);
  if (!info.ok) {
    deps.onFault({ server, kind: 'bad_handshake', detail: info.error });
    channel.close();
    throw unavailable(server, info.error);
  }
  if (!modern) link.notify('notifications/initialized', undefined);
  return createDuplexConnection(
    { server, info: info.value, link, closed: () => channel.closed(), lastWords },
    deps,
  );
}

export function readHandshake(answer: UpstreamAnswer, era: Era): Result<UpstreamInfo, string> {
  if (answer.kind === 'error') return { ok: false, error: 'it refused the handshake' };
  return era === 'modern' ? readDiscover(answer.result) : readInitialize(answer.result);
}
