import { type AppError, type Clock, isAppError, type Timer } from '../../kernel/index.ts';
import type {
  ClientFacts,
  ServerConfig,
  UpstreamConnection,
  UpstreamKey,
  UpstreamStatus,
} from '../model.ts';
import { connectLegacyHttp } from './connect-http.ts';
import { connectStdio } from './connect-stdio.ts';
import { createEraBook, type EraBook } from './era-book.ts';
import { createFailureBook } from './failure-book.ts';
import { createModernConnection } from './http-modern-connection.ts';
import { createHttpTarget, type HttpTarget } from './http-target.ts';
import type { ManagedConnection } from './managed-connection.ts';
import { poolKey, principalPart } from './pool-key.ts';
import type { UpstreamDeps } from './ports.ts';
import type { Verdict } from './probe-http.ts';
import { overloaded, unavailable } from './upstream-errors.ts';
import { withSignal } from './with-signal.ts';

export type Change = 'config' | 'down' | 'up' | 'tools' | 'prompts' | 'resources';

interface Held {
  readonly who: string;
  readonly connection: ManagedConnection;
  readonly sessionId: string | undefined;
  readonly bornAt: number;
  usedAt: number;
  /** We end it ourselves; its end is no crash. */
  leaving: boolean;
}

interface Connecting {
  readonly who: string;
  readonly promise: Promise<UpstreamConnection>;
  readonly sessionId: string | undefined;
  released: boolean;
}

/** Everything about one configured server: its era, its connections by key, its failures. */
export interface ServerSlot {
  readonly config: ServerConfig;
  acquire(key: UpstreamKey, signal: AbortSignal): UpstreamConnection | Promise<UpstreamConnection>;
  releaseSession(sessionId: string): void;
  status(): UpstreamStatus;
  /** No new connections; those in use may finish for `drainMs`. */
  retire(): void;
  close(): Promise<void>;
}

/** One principal gets at most this part of a server's connections: it chooses how many it asks for. */
const PRINCIPAL_SHARE = 8;
const DRAIN_STEP_MS = 100;
const CLOSE_WAIT_MS = 1_000;

export function createServerSlot(
  server: string,
  config: ServerConfig,
  deps: UpstreamDeps,
  onChange: (what: Change) => void,
): ServerSlot {
  const { clock, limits, logger } = deps;
  const connections = new Map<string, Held>();
  const connecting = new Map<string, Connecting>();
  const leaving = new Set<ManagedConnection>();
  const failures = createFailureBook(clock, deps.random, limits);
  const maxConnections = config.transport === 'stdio' ? limits.maxProcesses : limits.maxSessions;
  const maxPerPrincipal = Math.ceil(maxConnections / PRINCIPAL_SHARE);
  let target: HttpTarget | undefined;
  let sweeper: Timer | undefined;
  let restarts = 0;
  let lastError: string | undefined;
  let down = false;
  let retired = false;

  const httpTarget = (): HttpTarget => {
    if (config.transport !== 'http') throw new TypeError('not an http server');
    target ??= createHttpTarget(server, config, deps);
    return target;
  };
  const eras: EraBook = createEraBook(server, config, httpTarget, deps);

  const noteFailure = (error: unknown): void => {
    lastError = isAppError(error) ? error.message : 'the connection failed';
    if (!down) {
      down = true;
      onChange('down');
    }
  };

  /** Out of the pool at once, closed when its calls are done or time is up. */
  const drain = (key: string, held: Held, reason: string): void => {
    if (connections.get(key) === held) connections.delete(key);
    held.leaving = true;
    leaving.add(held.connection);
    const deadline = clock.monotonic() + limits.drainMs;
    const step = (): void => {
      if (held.connection.inFlight() === 0 || clock.monotonic() >= deadline)
        held.connection.close(reason);
      else clock.setTimeout(step, DRAIN_STEP_MS);
    };
    step();
  };

  const end = (key: string, held: Held, reason: string): void => {
    if (connections.get(key) === held) connections.delete(key);
    held.leaving = true;
    leaving.add(held.connection);
    held.connection.close(reason);
  };

  const sweep = (): void => {
    sweeper = undefined;
    const now = clock.monotonic();
    for (const [key, held] of connections) {
      const lasting = held.sessionId !== undefined || held.connection.watched();
      const idleMs = lasting ? limits.sessionIdleMs : limits.idleMs;
      if (now - held.usedAt >= idleMs && held.connection.inFlight() === 0)
        end(key, held, 'it was idle');
    }
    armSweeper();
  };
  const armSweeper = (): void => {
    if (sweeper !== undefined || connections.size === 0 || retired) return;
    sweeper = clock.setTimeout(sweep, Math.max(1_000, limits.idleMs / 2));
  };

  /**
   * Room for one more: the connection unused for longest goes first. Who has its share already makes room among its
   * own: every set of declared capabilities and every session is a connection, and others must not pay for them.
   */
  const makeRoom = (who: string): boolean => {
    let own = 0;
    for (const held of connections.values()) if (held.who === who) own++;
    for (const entry of connecting.values()) if (entry.who === who) own++;
    const greedy = own >= maxPerPrincipal;
    if (!greedy && connections.size + connecting.size < maxConnections) return true;
    let oldest: { key: string; held: Held } | undefined;
    for (const [key, held] of connections) {
      if (held.connection.inFlight() > 0 || (greedy && held.who !== who)) continue;
      if (oldest === undefined || held.usedAt < oldest.held.usedAt) oldest = { key, held };
    }
    if (oldest === undefined) return false;
    end(oldest.key, oldest.held, 'room was needed for another');
    return true;
  };

  const adopt = (
    key: string,
    who: string,
    connection: ManagedConnection,
    sessionId: string | undefined,
  ): void => {
    const now = clock.monotonic();
    const held: Held = { who, connection, sessionId, bornAt: now, usedAt: now, leaving: false };
    connections.set(key, held);
    failures.succeeded(key);
    lastError = undefined;
    armSweeper();
    connection.tap((method) => {
      const kind = /^notifications\/(tools|prompts|resources)\/list_changed$/.exec(method)?.[1];
      if (kind === 'tools' || kind === 'prompts' || kind === 'resources') onChange(kind);
    });
    connection.onClose((reason) => {
      leaving.delete(connection);
      if (connections.get(key) === held) connections.delete(key);
      if (held.leaving) return;
      restarts++;
      failures.failed(key, clock.monotonic() - held.bornAt);
      const words = connection.lastWords();
      lastError = words === undefined ? reason : `${reason}; last words: ${words.slice(0, 200)}`;
      logger.warn({ server, reason }, 'an upstream connection was lost');
      deps.onFault({ server, kind: 'crash', detail: reason });
      if (connections.size === 0 && !down) {
        down = true;
        onChange('down');
      }
    });
    if (down) {
      down = false;
      onChange('up');
    }
  };

  const modernView = (verdict: Verdict): ManagedConnection | undefined => {
    if (verdict.era !== 'modern' || verdict.info === undefined || config.transport !== 'http')
      return undefined;
    return createModernConnection(httpTarget(), verdict.info, () => {
      if (!eras.doubt()) return;
      logger.info(
        { server },
        'the server answers as if it changed its protocol era; it is probed again',
      );
      for (const [key, held] of [...connections]) drain(key, held, 'its protocol era is in doubt');
    });
  };

  const open = (verdict: Verdict, client: ClientFacts): Promise<ManagedConnection> => {
    if (config.transport === 'http') {
      const view = modernView(verdict);
      return view === undefined
        ? connectLegacyHttp(httpTarget(), client, undefined)
        : Promise.resolve(view);
    }
    return connectStdio(server, config, verdict.era, client, undefined, deps, (words) => {
      if (words !== undefined)
        logger.debug({ server, words }, 'last words of a server that did not start');
    });
  };

  const connect = (
    verdict: Verdict,
    key: UpstreamKey,
  ): UpstreamConnection | Promise<UpstreamConnection> => {
    const pooled = poolKey(config, verdict.era, key);
    const held = connections.get(pooled);
    if (held !== undefined) {
      held.usedAt = clock.monotonic();
      return held.connection;
    }
    const running = connecting.get(pooled);
    if (running !== undefined) return running.promise;
    const waitMs = failures.waitMs(pooled);
    if (waitMs > limits.backoffPatienceMs) return Promise.reject(tryLater(server, waitMs));
    const who = principalPart(key);
    if (!makeRoom(who)) return Promise.reject(overloaded());
    const sessionId =
      config.transport === 'http' && verdict.era === 'legacy' ? key.sessionId : undefined;
    if (waitMs === 0) {
      const view = modernView(verdict);
      if (view !== undefined) {
        adopt(pooled, who, view, sessionId);
        return view;
      }
    }
    const attempt = async (): Promise<UpstreamConnection> => {
      await pause(clock, waitMs);
      let connection: ManagedConnection;
      try {
        if (retired) throw unavailable(server, 'its configuration changed');
        connection = await open(verdict, key.client);
      } catch (error) {
        connecting.delete(pooled);
        if (!awaitsPerson(error)) failures.failed(pooled, 0);
        noteFailure(error);
        throw error;
      }
      connecting.delete(pooled);
      if (retired || entry.released) {
        connection.close('nobody needs it any more');
        throw unavailable(server, retired ? 'its configuration changed' : 'the session ended');
      }
      adopt(pooled, who, connection, sessionId);
      return connection;
    };
    const { promise, resolve, reject } = Promise.withResolvers<UpstreamConnection>();
    const entry: Connecting = { who, promise, sessionId, released: false };
    connecting.set(pooled, entry);
    attempt().then(resolve, reject);
    // Every caller may have given up by then.
    promise.catch(() => {});
    return promise;
  };

  return {
    config,
    acquire(key, signal) {
      if (retired) return Promise.reject(unavailable(server, 'its configuration changed'));
      if (!config.enabled) return Promise.reject(unavailable(server, 'it is switched off'));
      // A verdict past its age still finds what is connected; only a new connection asks again.
      const known = eras.last();
      if (known !== undefined) {
        const held = connections.get(poolKey(config, known.era, key));
        if (held !== undefined) {
          held.usedAt = clock.monotonic();
          return held.connection;
        }
      }
      const fresh = eras.fresh();
      if (fresh !== undefined) {
        const connection = connect(fresh, key);
        return connection instanceof Promise ? withSignal(connection, signal) : connection;
      }
      const waitMs = failures.waitMs(PROBE);
      if (waitMs > limits.backoffPatienceMs) return Promise.reject(tryLater(server, waitMs));
      const probed = pause(clock, waitMs)
        .then(() => eras.probe(key.client))
        .then(
          (verdict) => {
            failures.succeeded(PROBE);
            return connect(verdict, key);
          },
          (error: unknown) => {
            // Many may wait for one probe; it failed once.
            if (!awaitsPerson(error) && failures.waitMs(PROBE) === 0) failures.failed(PROBE, 0);
            noteFailure(error);
            throw error;
          },
        );
      return withSignal(probed, signal);
    },
    releaseSession(sessionId) {
      for (const [key, held] of [...connections]) {
        if (held.sessionId === sessionId) end(key, held, 'the session ended');
      }
      for (const entry of connecting.values())
        if (entry.sessionId === sessionId) entry.released = true;
    },
    status() {
      const known = eras.last();
      const [first] = connections.values();
      const revision =
        first?.connection.info.revision ??
        (known?.era === 'modern' ? known.info?.revision : undefined);
      return {
        server,
        transport: config.transport,
        state: !config.enabled
          ? 'disabled'
          : connections.size > 0
            ? 'ready'
            : connecting.size > 0 || eras.probing()
              ? 'connecting'
              : failures.waiting()
                ? 'backing_off'
                : lastError !== undefined
                  ? 'failed'
                  : 'idle',
        era: known?.era,
        revision,
        connections: connections.size,
        restarts,
        lastError,
      };
    },
    retire() {
      retired = true;
      sweeper?.cancel();
      for (const [key, held] of [...connections]) drain(key, held, 'its configuration changed');
      // Sockets go when the last call can be over.
      const old = target;
      if (old !== undefined)
        clock.setTimeout(() => void old.close(), limits.drainMs + CLOSE_WAIT_MS);
    },
    async close() {
      retired = true;
      sweeper?.cancel();
      for (const [key, held] of [...connections]) end(key, held, 'the gateway is shutting down');
      const grace = Promise.withResolvers<void>();
      const timer = clock.setTimeout(grace.resolve, CLOSE_WAIT_MS + limits.killGraceMs * 2);
      await Promise.race([Promise.all([...leaving].map((one) => one.closed())), grace.promise]);
      timer.cancel();
      await target?.close();
    },
  };
}

/** Key of the failure book for the probe; no pool key looks like it. */
const PROBE = 'probe';

/** The server is well, and nothing gets better by waiting; after the authorization it is to be reached at once. */
function awaitsPerson(error: unknown): boolean {
  return isAppError(error) && error.code === 'GW_UPSTREAM_UNAUTHORIZED';
}

function tryLater(server: string, waitMs: number): AppError {
  return unavailable(
    server,
    `it failed before and is tried again in ${Math.ceil(waitMs / 1000)} s`,
  );
}

function pause(clock: Clock, ms: number): Promise<void> {
  if (ms <= 0) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  clock.setTimeout(resolve, ms);
  return promise;
}
