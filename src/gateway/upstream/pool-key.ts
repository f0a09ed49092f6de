import type { Era, ServerConfig, UpstreamKey } from '../model.ts';
import { offeredRevision } from './handshake.ts';

/** The principal of a key. Lengths are part of it, so no choice of names makes two principals look alike. */
export function principalPart({ agentId, user }: Pick<UpstreamKey, 'agentId' | 'user'>): string {
  return `${agentId.length}:${agentId}${user === undefined ? '-' : `${user.length}:${user}`}`;
}

/**
 * Under which key a connection is shared. Principals never share one, except a stdio process marked `shared`. Legacy
 * sessions also differ by what the client can do and, over HTTP, by the client's own session, because the server was told
 * of both in its handshake. Lengths are part of the key, so no choice of names makes two keys collide.
 */
export function poolKey(config: ServerConfig, era: Era, key: UpstreamKey): string {
  if (config.transport === 'stdio' && config.shared) return 'shared';
  const { client, sessionId } = key;
  const who = principalPart(key);
  if (era === 'modern') return who;
  const facts = `${who}|${offeredRevision(client)}|${client.capabilitiesDigest}`;
  return config.transport === 'stdio' || sessionId === undefined ? facts : `${facts}|${sessionId}`;
}
