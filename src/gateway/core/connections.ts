import type { Principal } from '../../identity/index.ts';
import type { ClientFacts, Endpoint, Session, UpstreamConnection, UpstreamPool } from '../model.ts';

export interface Caller {
  readonly principal: Principal;
  readonly client: ClientFacts;
  readonly session: Session | undefined;
  readonly endpoint: Endpoint;
}

export interface Connections {
  /** The caller's own connection to one server; synchronous when it is there already. Throws `GW_UPSTREAM_UNAVAILABLE`. */
  to(
    server: string,
    caller: Caller,
    signal: AbortSignal,
  ): UpstreamConnection | Promise<UpstreamConnection>;
  /** Connections to the servers (of the caller's endpoint, all unless named) that can be reached; the rest by name. */
  all(
    caller: Caller,
    signal: AbortSignal,
    named?: readonly string[],
  ): Promise<{ readonly up: readonly UpstreamConnection[]; readonly down: readonly string[] }>;
  /** What the session was connected to so far, the latest of each server; connects to nothing. */
  of(session: Session): readonly UpstreamConnection[];
  /** Servers of an endpoint, in a stable order. */
  serversOf(endpoint: Endpoint): readonly string[];
}

export function createConnections(
  pool: UpstreamPool,
  onConnected: (connection: UpstreamConnection, caller: Caller) => void,
): Connections {
  const known = new WeakMap<object, Map<string, UpstreamConnection>>();
  const announce = (connection: UpstreamConnection, caller: Caller): UpstreamConnection => {
    const owner: object | undefined = caller.session;
    if (owner === undefined) return connection;
    let latest = known.get(owner);
    if (latest === undefined) {
      latest = new Map();
      known.set(owner, latest);
    }
    if (latest.get(connection.server) !== connection) {
      latest.set(connection.server, connection);
      onConnected(connection, caller);
    }
    return connection;
  };
  // Asked on every call, changes with the configuration only.
  let present:
    | { readonly all: readonly string[]; readonly own: ReadonlyMap<string, readonly string[]> }
    | undefined;
  pool.onChange((_server, what) => {
    if (what === 'config') present = undefined;
  });
  const none: readonly string[] = [];
  const serversOf = (endpoint: Endpoint): readonly string[] => {
    if (present === undefined) {
      const all = pool.servers();
      present = { all, own: new Map(all.map((server) => [server, [server]])) };
    }
    return endpoint.kind === 'all' ? present.all : (present.own.get(endpoint.server) ?? none);
  };
  const to = (
    server: string,
    caller: Caller,
    signal: AbortSignal,
  ): UpstreamConnection | Promise<UpstreamConnection> => {
    const found = pool.acquire(
      {
        server,
        agentId: caller.principal.agent.id,
        user: caller.principal.user,
        client: caller.client,
        sessionId: caller.session?.id,
      },
      signal,
    );
    return found instanceof Promise
      ? found.then((connection) => announce(connection, caller))
      : announce(found, caller);
  };
  return {
    to,
    of: (session) => [...(known.get(session)?.values() ?? [])],
    serversOf,
    async all(caller, signal, named) {
      const servers = named ?? serversOf(caller.endpoint);
      const settled = await Promise.allSettled(
        servers.map(async (server) => to(server, caller, signal)),
      );
      const up: UpstreamConnection[] = [];
      const down: string[] = [];
      settled.forEach((result, index) => {
        if (result.status === 'fulfilled') up.push(result.value);
        else down.push(servers[index] ?? '');
      });
      return { up, down };
    },
  };
}
