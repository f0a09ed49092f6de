import type { Sealer } from '../wire/seal.ts';

const KIND = 'task';
const MAX_REMEMBERED = 10_000;
const MAX_UPSTREAM_ID = 1_024;

/**
 * Task ids of ours: sealed {owner, server, the server's own id}. Any replica that holds the key can open them; nobody
 * else's principal can use them.
 */
export interface TaskIds {
  /** The same task keeps its id in this process; undefined when the server's id is unusably long. */
  wrap(owner: string, server: string, upstreamId: string): string | undefined;
  /** The server's own id; undefined unless the token is genuine, of this owner and of this server. */
  unwrap(owner: string, server: string, token: string): string | undefined;
  /** For routing before the owner check: whose server a genuine token points at. */
  serverOf(token: string): string | undefined;
}

export function createTaskIds(sealer: Sealer, ttlMs: number): TaskIds {
  // Sealing is randomised, so the id a client already holds has to be remembered. Losing it only costs a second spelling.
  const known = new Map<string, string>();
  const opened = (token: string): { owner: unknown; server: string; id: string } | undefined => {
    const payload = sealer.open(KIND, token);
    const server = payload?.['s'];
    const id = payload?.['t'];
    if (typeof server !== 'string' || typeof id !== 'string') return undefined;
    return { owner: payload?.['o'], server, id };
  };
  return {
    wrap(owner, server, upstreamId) {
      if (upstreamId.length > MAX_UPSTREAM_ID) return undefined;
      const key = JSON.stringify([owner, server, upstreamId]);
      const held = known.get(key);
      if (held !== undefined) {
        known.delete(key);
        known.set(key, held);
        return held;
      }
      const token = sealer.seal(KIND, { o: owner, s: server, t: upstreamId }, ttlMs);
      known.set(key, token);
      if (known.size > MAX_REMEMBERED) {
        const oldest = known.keys().next().value;
        if (oldest !== undefined) known.delete(oldest);
      }
      return token;
    },
    unwrap(owner, server, token) {
      const task = opened(token);
      return task !== undefined && task.owner === owner && task.server === server
        ? task.id
        : undefined;
    },
    serverOf: (token) => opened(token)?.server,
  };
}
