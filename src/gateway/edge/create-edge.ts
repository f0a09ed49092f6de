import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAllowList } from './allow-list.ts';
import { createAskBook } from './ask-book.ts';
import { createDigest } from './client-facts.ts';
import type { EdgeContext } from './context.ts';
import type { EdgeDeps, RelayedAnswer } from './deps.ts';
import { DEFAULT_EDGE_LIMITS } from './limits.ts';
import { createPrincipalBook } from './principal-book.ts';
import { faultReply } from './run-request.ts';
import { serveRequest } from './serve-request.ts';
import { createSessionStore } from './session-store.ts';

export interface EdgeStatus {
  readonly sessions: number;
  readonly calls: number;
  readonly streams: number;
  readonly asks: number;
}

export interface Edge {
  /** For a server made elsewhere (TLS); `listen` makes a plain one. */
  readonly listener: RequestListener;
  /** Port 0 picks a free one. */
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }>;
  /** An answer of a client that reached another replica. */
  deliver(answer: RelayedAnswer): void;
  /** `sessionId` as the core knows it; the id does not open again on this replica. */
  endSession(sessionId: string): void;
  status(): EdgeStatus;
  /** Refuses new work at once, lets calls end for up to `graceMs`, then cuts. Safe to call twice. */
  close(graceMs: number): Promise<void>;
}

/**
 * The HTTP face of the gateway (all MCP revisions): guarantees that the core sees only requests that were scanned
 * strictly, belong to one era, agree with their headers and come from an admitted principal.
 */
export function createEdge(deps: EdgeDeps): Edge {
  const limits = { ...DEFAULT_EDGE_LIMITS, ...deps.limits };
  const { clock } = deps;
  const digest = createDigest();
  const instance = deps.instance ?? Buffer.from(deps.random.bytes(8)).toString('hex');
  const ctx: EdgeContext = {
    deps,
    clock,
    limits,
    allow: createAllowList(deps.allowedHosts, deps.allowedOrigins),
    book: createPrincipalBook(),
    sessions: createSessionStore({ ...deps, limits, digest }),
    asks: createAskBook({ instance, maxPerSession: limits.maxAsksPerSession, relay: deps.relay }),
    digest,
    budget: { used: 0, max: limits.replayTotalBytes },
    oldSse: new Map(),
    bodies: { used: 0, max: limits.maxArrivingBytes },
    forms: { used: 0, max: limits.maxArrivingFormBytes },
    calls: 0,
    closing: false,
    onIdle: undefined,
  };
  const servers = new Set<Server>();

  // One timer for all streams, calls and sessions; ten thousand idle sessions arm none.
  let beat = clock.setTimeout(tick, limits.heartbeatMs / 3);
  let beats = 0;
  function tick(): void {
    const now = clock.monotonic();
    const wall = clock.now();
    for (const state of ctx.book.states()) for (const open of state.open) open.tick(now, wall);
    if (++beats % 6 === 0) {
      ctx.sessions.sweep();
      ctx.book.sweep();
    }
    beat = clock.setTimeout(tick, limits.heartbeatMs / 3);
  }

  const unsubscribe = deps.onRevoked((agentId) => {
    for (const state of ctx.book.under(agentId)) {
      for (const record of ctx.sessions.of(state)) ctx.sessions.end(record, true);
      for (const open of state.open) open.cut('revoked');
    }
  });

  const listener: RequestListener = (req, res) => {
    try {
      serveRequest(ctx, req, res);
    } catch (fault) {
      faultReply(ctx, fault);
      if (!res.headersSent) res.writeHead(500, { 'content-length': '0', connection: 'close' });
      res.end();
    }
  };

  let closed: Promise<void> | undefined;
  async function shut(graceMs: number): Promise<void> {
    ctx.closing = true;
    beat.cancel();
    unsubscribe();
    const ended = [...servers].map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const server of servers) server.closeIdleConnections();
    // Streams outside calls end first: their clients reconnect to another replica at once.
    for (const record of ctx.sessions.all())
      for (const log of record.logs?.values() ?? []) if (log.stream === 0) log.writer?.end();
    for (const connection of ctx.oldSse.values())
      if (connection.session === undefined) connection.writer.end();
    if (ctx.calls > 0 && graceMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = clock.setTimeout(resolve, graceMs);
        ctx.onIdle = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    for (const state of ctx.book.states()) for (const open of state.open) open.cut('shutdown');
    for (const server of servers) server.closeAllConnections();
    await Promise.all(ended);
  }

  return {
    listener,
    listen(host, port) {
      const server = createServer(
        {
          insecureHTTPParser: false,
          requireHostHeader: true,
          maxHeaderSize: limits.maxHeaderBytes,
          requestTimeout: limits.requestTimeoutMs,
          headersTimeout: Math.min(limits.requestTimeoutMs, 15_000),
          keepAliveTimeout: limits.keepAliveMs,
          noDelay: true,
        },
        listener,
      );
      server.maxConnections = limits.maxConnections;
      servers.add(server);
      return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          const address = server.address() as AddressInfo;
          resolve({ host: address.address, port: address.port });
        });
      });
    },
    deliver: (answer) => ctx.asks.deliver(answer),
    endSession(sessionId) {
      for (const record of ctx.sessions.all())
        if (record.id === sessionId) ctx.sessions.end(record, true);
    },
    status() {
      let streams = 0;
      for (const state of ctx.book.states()) streams += state.streams;
      return { sessions: ctx.sessions.size(), calls: ctx.calls, streams, asks: ctx.asks.open() };
    },
    close: (graceMs) => (closed ??= shut(graceMs)),
  };
}
