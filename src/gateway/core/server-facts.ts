import { type AppError, type Clock, isAppError } from '../../kernel/index.ts';
import type { ToolDefinition } from '../../policy/index.ts';
import type { Described } from '../broker/capabilities.ts';
import type { Catalogue, Listing } from '../catalogue/catalogue.ts';
import { MAX_LIST_ITEMS, MAX_LIST_LENGTH } from '../catalogue/fetch-list.ts';
import type { ClientFacts, UpstreamConnection, UpstreamPool } from '../model.ts';
import { SYSTEM_AGENT } from './system-client.ts';

/** How long an answer waits for servers that are still starting. */
export const DESCRIBE_TIMEOUT_MS = 5_000;

export interface ServerFacts {
  /** What the servers say of themselves; those that can't be reached in time are left out. */
  describe(servers: readonly string[]): Promise<readonly Described[]>;
  /** Why a server was left out; undefined when it was only late. */
  problem(server: string): AppError | undefined;
  /** Connects as the gateway itself and reads the tools, so that policy knows their schema before the first call. */
  warm(server: string): Promise<void>;
  /** Remembers a connection that somebody opened. */
  saw(connection: UpstreamConnection): void;
  forget(server: string): void;
}

export function createServerFacts(deps: {
  readonly pool: UpstreamPool;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly client: ClientFacts;
}): ServerFacts {
  const known = new Map<string, Described>();
  const problems = new Map<string, AppError>();
  const connect = async (server: string): Promise<UpstreamConnection> => {
    problems.delete(server);
    let connection: UpstreamConnection;
    try {
      connection = await deps.pool.acquire(
        {
          server,
          agentId: SYSTEM_AGENT,
          user: undefined,
          client: deps.client,
          sessionId: undefined,
        },
        new AbortController().signal,
      );
    } catch (error) {
      if (isAppError(error)) problems.set(server, error);
      throw error;
    }
    known.set(server, { server, info: connection.info });
    return connection;
  };
  return {
    saw: (connection) =>
      void known.set(connection.server, { server: connection.server, info: connection.info }),
    problem: (server) => problems.get(server),
    forget(server) {
      known.delete(server);
      problems.delete(server);
    },
    async warm(server) {
      const connection = await connect(server);
      await deps.catalogue.read(connection, 'tools', deps.client, { maxAgeMs: 0 });
    },
    async describe(servers) {
      const missing = servers.filter((server) => !known.has(server));
      if (missing.length > 0) {
        const { promise: late, resolve } = Promise.withResolvers<void>();
        const timer = deps.clock.setTimeout(resolve, DESCRIBE_TIMEOUT_MS);
        await Promise.race([Promise.allSettled(missing.map(connect)), late]);
        timer.cancel();
      }
      return servers.flatMap((server) => known.get(server) ?? []);
    },
  };
}

/**
 * Collects each server's tools over all its connections (a server may show more to a client that can do more) and
 * passes the union on whenever a definition is new or has changed; true when it did. The union is bounded like one
 * list: a server that lists other tools every time makes us forget the oldest that it no longer lists.
 */
export function createToolBook(
  setTools: (server: string, tools: readonly ToolDefinition[]) => void,
): (server: string, listing: Listing) => boolean {
  const books = new Map<string, Map<string, string>>();
  return (server, listing) => {
    let book = books.get(server);
    if (book === undefined) {
      book = new Map();
      books.set(server, book);
    }
    let changed = false;
    for (const item of listing.items) {
      if (book.get(item.name) === item.raw) continue;
      book.set(item.name, item.raw);
      changed = true;
    }
    if (changed) forgetOldest(book, listing);
    if (changed)
      setTools(
        server,
        [...book.values()].map((raw) => JSON.parse(raw) as ToolDefinition),
      );
    return changed;
  };
}

function forgetOldest(book: Map<string, string>, listing: Listing): void {
  let length = 0;
  for (const raw of book.values()) length += raw.length;
  for (const [name, raw] of book) {
    if (book.size <= MAX_LIST_ITEMS && length <= MAX_LIST_LENGTH) return;
    if (listing.byName.has(name)) continue;
    book.delete(name);
    length -= raw.length;
  }
}
