import { isIP } from 'node:net';
import { Pool } from 'undici';
import type { ServerConfig } from '../model.ts';
import { createGuardedLookup, isAllowed, type ResolvePort } from './address-guard.ts';
import type { UpstreamCredentials } from './credentials.ts';
import type { UpstreamDeps } from './ports.ts';
import { unavailable } from './upstream-errors.ts';

export type HttpConfig = Extract<ServerConfig, { transport: 'http' }>;
export type PoolUse = 'calls' | 'streams' | 'control';

/** One HTTP upstream: where it is, what is added to every request, and its sockets. */
export interface HttpTarget {
  readonly server: string;
  readonly url: URL;
  readonly path: string;
  /** Origin and path: what a proof of possession names (RFC 9449, `htu`). */
  readonly endpointUrl: string;
  /** Undefined where the configuration gives `Authorization` itself. */
  readonly credentials: UpstreamCredentials | undefined;
  /** Flat name, value list: added last to every request. Holds secrets. */
  readonly configured: readonly string[];
  /** Lower-case names in `configured`. */
  readonly configuredNames: ReadonlySet<string>;
  readonly deps: UpstreamDeps;
  /** Calls of all principals that are open or queue for a socket. */
  readonly load: { open: number };
  /**
   * Three pools, because a call may wait for its own answer to the server (control) or hold a socket for hours
   * (streams): with one bounded pool these would starve each other.
   */
  pool(use: PoolUse): Pool;
  close(): Promise<void>;
}

/** Ours to set, or meaningful only between two hops. */
const RESERVED = new Set([
  'content-type',
  'content-length',
  'accept',
  'accept-encoding',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'proxy-connection',
  'last-event-id',
]);

/** Throws `GW_UPSTREAM_UNAVAILABLE` when the URL itself names a refused address. */
export function createHttpTarget(
  server: string,
  config: HttpConfig,
  deps: UpstreamDeps,
  resolve?: ResolvePort,
): HttpTarget {
  const url = parseUrl(server, config.url);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // A literal address never reaches `lookup`.
  if (isIP(host) !== 0 && !isAllowed(host, config.allowPrivate)) {
    throw unavailable(
      server,
      'its address is private or local; set allow_private if that is meant',
    );
  }
  const configured: string[] = [];
  const configuredNames = new Set<string>();
  for (const [name, value] of Object.entries(config.headers)) {
    const lower = name.toLowerCase();
    if (RESERVED.has(lower) || lower.startsWith('mcp-')) continue;
    configured.push(lower, value);
    configuredNames.add(lower);
  }
  const pools = new Map<PoolUse, Pool>();
  const { limits } = deps;
  const sockets = {
    calls: limits.callSockets,
    streams: limits.streamSockets,
    control: limits.controlSockets,
  };
  const lookup = createGuardedLookup(config.allowPrivate, resolve);

  return {
    server,
    url,
    path: url.pathname + url.search,
    endpointUrl: url.origin + url.pathname,
    credentials: configuredNames.has('authorization') ? undefined : deps.credentials,
    configured,
    configuredNames,
    deps,
    load: { open: 0 },
    pool(use) {
      let pool = pools.get(use);
      if (pool === undefined) {
        pool = new Pool(url.origin, {
          connections: sockets[use],
          pipelining: 1,
          allowH2: false,
          // Our own watchdog knows of progress; these would cut quiet streams.
          headersTimeout: 0,
          bodyTimeout: 0,
          keepAliveTimeout: 4_000,
          connect: { lookup: lookup as never, timeout: Math.min(10_000, limits.connectMs) },
        });
        pools.set(use, pool);
      }
      return pool;
    },
    async close() {
      const open = [...pools.values()];
      pools.clear();
      await Promise.all(open.map((pool) => pool.destroy()));
    },
  };
}

function parseUrl(server: string, text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw unavailable(server, 'its url is not an http or https address');
  }
  return url;
}

/** What went wrong below HTTP, in plain words and without addresses. */
export function describeNetworkError(error: unknown): string {
  const code = deepCode(error);
  switch (code) {
    case 'ADDRESS_REFUSED':
      return 'its name resolves to a private or local address; set allow_private if that is meant';
    case 'ECONNREFUSED':
      return 'the connection was refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name could not be resolved';
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return 'the connection timed out';
    default:
      return code === undefined ? 'the connection failed' : `the connection failed (${code})`;
  }
}

function deepCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, errors } = error as { code?: unknown; errors?: unknown };
  if (typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code)) return code;
  return Array.isArray(errors) ? deepCode(errors[0]) : undefined;
}
