import type { ClientFacts } from '../model.ts';
import { connectDuplex } from './connect-stdio.ts';
import { createFaultMeter } from './fault-meter.ts';
import { createLegacyConnection } from './http-legacy-connection.ts';
import { initializeSession } from './http-session.ts';
import { speaksOfEra, statusFault } from './http-status.ts';
import type { HttpTarget } from './http-target.ts';
import type { ManagedConnection } from './managed-connection.ts';
import { createSseChannel } from './sse-channel.ts';

/**
 * Opens a session at a legacy HTTP server: Streamable HTTP, and HTTP+SSE when that is refused (2025-03-26, backwards
 * compatibility). Throws `GW_UPSTREAM_*` or `GW_CANCELLED`.
 */
export async function connectLegacyHttp(
  target: HttpTarget,
  client: ClientFacts,
  signal: AbortSignal | undefined,
): Promise<ManagedConnection> {
  const { server, deps } = target;
  const meter = createFaultMeter({
    server,
    clock: deps.clock,
    onFault: deps.onFault,
    ...deps.limits,
  });
  const outcome = await initializeSession(target, client, meter, signal);
  if (outcome.kind === 'session') return createLegacyConnection(target, client, outcome.session);
  if (outcome.kind === 'fault') throw outcome.error;
  if (!speaksOfEra(outcome.status)) throw statusFault(server, outcome.status);
  const handshake = { era: 'legacy', exclusive: true, client, signal } as const;
  try {
    return await connectDuplex(server, createSseChannel(target), handshake, deps, () => undefined);
  } catch {
    // The first refusal is the one that tells what is wrong.
    throw statusFault(server, outcome.status);
  }
}
