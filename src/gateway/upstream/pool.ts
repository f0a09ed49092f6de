import type { Clock, Random, Timer } from '../../kernel/index.ts';
import type { ServerConfig, UpstreamPool } from '../model.ts';
import type { UpstreamCredentials } from './credentials.ts';
import { DEFAULT_LIMITS, type UpstreamLimits } from './limits.ts';
import type { SpawnPort, UpstreamDeps, UpstreamFault, UpstreamLogger } from './ports.ts';
import { type Change, createServerSlot, type ServerSlot } from './server-slot.ts';
import { spawnChild } from './spawn-child.ts';
import { unavailable } from './upstream-errors.ts';

export interface UpstreamPoolOptions {
  readonly servers: ReadonlyMap<string, ServerConfig>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: UpstreamLogger;
  /** The gateway's own environment, or the part of it that stdio servers may draw their few inherited names from. */
  readonly baseEnv: Readonly<Record<string, string | undefined>>;
  /** What servers do wrong; rate-limited per connection and kind, free of anything a server sent. */
  readonly onFault?: (fault: UpstreamFault) => void;
  readonly limits?: Partial<UpstreamLimits>;
  readonly spawn?: SpawnPort;
  /** The gateway's tokens for HTTP servers; without it a 401 is a refusal. */
  readonly credentials?: UpstreamCredentials;
}

export interface ManagedUpstreamPool extends UpstreamPool {
  /**
   * Replaces the configuration. Unchanged servers keep their connections; removed and changed ones finish their open
   * calls (at most `drainMs`). Each difference is reported as `config`.
   */
  setServers(servers: ReadonlyMap<string, ServerConfig>): void;
}

/** List changes within this are reported once. */
const COALESCE_MS = 100;

/**
 * The upstream side of the gateway. `acquire` gives a living connection at once when there is one; callers with the same
 * key share one connect. Calls that were open when a connection broke are never repeated.
 */
export function createUpstreamPool(options: UpstreamPoolOptions): ManagedUpstreamPool {
  const { clock } = options;
  const deps: UpstreamDeps = {
    clock,
    random: options.random,
    logger: options.logger,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    spawn: options.spawn ?? spawnChild,
    baseEnv: options.baseEnv,
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    onFault: (fault) => {
      options.logger.info(fault, 'an upstream server misbehaved');
      options.onFault?.(fault);
    },
  };
  const slots = new Map<string, { slot: ServerSlot; fingerprint: string }>();
  const listeners = new Set<(server: string, what: Change) => void>();
  const pending = new Map<string, Timer>();
  let closed = false;

  const report = (server: string, what: Change): void => {
    for (const listener of [...listeners]) listener(server, what);
  };
  const onChange = (server: string, what: Change): void => {
    if (what === 'config' || what === 'up' || what === 'down') {
      report(server, what);
      return;
    }
    const key = `${what} ${server}`;
    if (pending.has(key)) return;
    pending.set(
      key,
      clock.setTimeout(() => {
        pending.delete(key);
        report(server, what);
      }, COALESCE_MS),
    );
  };

  const add = (server: string, config: ServerConfig): void => {
    const slot = createServerSlot(server, config, deps, (what) => onChange(server, what));
    slots.set(server, { slot, fingerprint: JSON.stringify(config) });
  };
  for (const [server, config] of options.servers) add(server, config);

  return {
    servers: () =>
      [...slots].filter(([, { slot }]) => slot.config.enabled).map(([server]) => server),
    acquire(key, signal) {
      const entry = slots.get(key.server);
      if (entry === undefined || closed) {
        return Promise.reject(
          unavailable(key.server, closed ? 'the gateway is shutting down' : 'no such server'),
        );
      }
      return entry.slot.acquire(key, signal);
    },
    releaseSession(sessionId) {
      for (const { slot } of slots.values()) slot.releaseSession(sessionId);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    status: () => [...slots.values()].map(({ slot }) => slot.status()),
    setServers(servers) {
      if (closed) return;
      const changed: string[] = [];
      for (const [server, { slot, fingerprint }] of [...slots]) {
        const config = servers.get(server);
        if (config !== undefined && JSON.stringify(config) === fingerprint) continue;
        slot.retire();
        slots.delete(server);
        changed.push(server);
      }
      const kept = new Map(slots);
      slots.clear();
      // In the order of the new configuration, which is the order `servers` promises.
      for (const [server, config] of servers) {
        const old = kept.get(server);
        if (old !== undefined) slots.set(server, old);
        else {
          add(server, config);
          if (!changed.includes(server)) changed.push(server);
        }
      }
      for (const server of changed) report(server, 'config');
    },
    async close() {
      closed = true;
      for (const timer of pending.values()) timer.cancel();
      pending.clear();
      await Promise.all([...slots.values()].map(({ slot }) => slot.close()));
      listeners.clear();
    },
  };
}
