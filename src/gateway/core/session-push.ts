import type { Logger } from '../../kernel/index.ts';
import type { PolicyDecisionPoint } from '../../policy/index.ts';
import type { ListKind } from '../broker/subscription-filter.ts';
import type { OpenSubscription, Subscriptions } from '../broker/subscriptions.ts';
import type { Push, RawJson, Session, UpstreamConnection } from '../model.ts';
import { agentFacts } from '../pipeline/decide.ts';
import { LOG_LEVELS } from '../wire/envelope.ts';
import { rawArray, rawAsString, rawGet, rawItems, rawObject, rawString } from '../wire/raw-json.ts';

const TRUE = 'true' as RawJson;
const LEVEL_ORDER = new Map<string, number>(LOG_LEVELS.map((level, index) => [level, index]));
/** Bound of `resources/subscribe` in one session. */
export const MAX_SESSION_URIS = 256;

export interface SessionPushes {
  /** The session has a stream for messages outside its requests. */
  attach(session: Session, push: Push): () => void;
  /** A connection of the session came up: what it announces belongs to the session from now on. */
  connected(session: Session, connection: UpstreamConnection): void;
  /** `resources/subscribe`: true when the server honours it. */
  subscribe(session: Session, connection: UpstreamConnection, uri: string): Promise<boolean>;
  unsubscribe(session: Session, uri: string): Promise<void>;
  /** Policy changed: every session may see other lists now. */
  announceAll(kinds: readonly ListKind[]): void;
  end(session: Session): void;
}

interface Entry {
  readonly session: Session;
  readonly connections: Map<string, UpstreamConnection>;
  readonly uris: Map<string, string>;
  readonly pushes: Set<Push>;
  open: OpenSubscription | undefined;
  /** Openings run one after another; the latest state wins. */
  work: Promise<void>;
  abort: AbortController | undefined;
}

/**
 * The legacy façade over subscriptions: what a 2026-07-28 client says with one `subscriptions/listen`, a legacy session
 * says with `resources/subscribe` and an open stream. One subscription per session, reopened when its servers or URIs
 * change; the old one is closed after the new one stands, so nothing is missed in between.
 */
export function createSessionPushes(deps: {
  readonly subscriptions: Subscriptions;
  readonly policy: Pick<PolicyDecisionPoint, 'mayUse'>;
  readonly logger: Logger;
  /** May what a server says outside any request reach this session? */
  mayListen(session: Session, server: string): boolean;
}): SessionPushes {
  const entries = new Map<string, Entry>();
  // A request that was under way when its session ended must not bring the entry back.
  const ended = new WeakSet<Session>();

  const entryOf = (session: Session): Entry => {
    let entry = entries.get(session.id);
    if (entry === undefined) {
      entry = {
        session,
        connections: new Map(),
        uris: new Map(),
        pushes: new Set(),
        open: undefined,
        work: Promise.resolve(),
        abort: undefined,
      };
      if (!ended.has(session)) entries.set(session.id, entry);
    }
    return entry;
  };

  const wantsLog = (session: Session, params: RawJson | undefined): boolean => {
    const raw = params === undefined ? undefined : rawGet(params, 'level');
    const level = raw === undefined ? undefined : rawAsString(raw);
    return (
      (LEVEL_ORDER.get(level ?? '') ?? 0) >= (LEVEL_ORDER.get(session.logLevel ?? 'debug') ?? 0)
    );
  };

  const reopen = async (entry: Entry): Promise<void> => {
    const { session } = entry;
    const before = { open: entry.open, abort: entry.abort };
    if (entry.connections.size === 0 || (entry.pushes.size === 0 && entry.uris.size === 0)) {
      before.open?.close();
      entry.open = undefined;
      return;
    }
    const abort = new AbortController();
    // A resource that was subscribed to was decided on by itself.
    const subscribed = new Set(entry.uris.values());
    const connections = [...entry.connections.values()].filter(
      ({ server }) => subscribed.has(server) || deps.mayListen(session, server),
    );
    entry.open = await deps.subscriptions.open({
      connections,
      filter: rawObject([
        ['toolsListChanged', TRUE],
        ['promptsListChanged', TRUE],
        ['resourcesListChanged', TRUE],
        ['resourceSubscriptions', rawArray([...entry.uris.keys()].map(rawString))],
      ]),
      client: session.client,
      subscriptionId: undefined,
      ownerOf: (uri) => entry.uris.get(uri),
      mayHear: (server, uri) =>
        deps.policy.mayUse(agentFacts(session.principal), server, 'resource', uri),
      wantsLog: (params) => wantsLog(session, params),
      onMessage: (method, params) => {
        // Invariant (2025-11-25, transports): one message goes out on one stream only.
        const [push] = entry.pushes;
        push?.(method, params);
      },
      onLost: (server) => void entry.connections.delete(server),
      signal: abort.signal,
    });
    entry.abort = abort;
    before.open?.close();
    before.abort?.abort();
  };

  const schedule = (entry: Entry): Promise<void> => {
    entry.work = entry.work
      .then(() => (entries.get(entry.session.id) === entry ? reopen(entry) : undefined))
      .catch((fault: unknown) =>
        deps.logger.warn({ err: fault }, 'a session subscription could not be opened'),
      );
    return entry.work;
  };

  return {
    attach(session, push) {
      const entry = entryOf(session);
      entry.pushes.add(push);
      void schedule(entry);
      return () => {
        entry.pushes.delete(push);
        if (entry.pushes.size === 0 && entry.uris.size === 0) void schedule(entry);
      };
    },
    connected(session, connection) {
      const entry = entryOf(session);
      if (entry.connections.get(connection.server) === connection) return;
      entry.connections.set(connection.server, connection);
      if (entry.pushes.size > 0 || entry.uris.size > 0) void schedule(entry);
    },
    async subscribe(session, connection, uri) {
      const entry = entryOf(session);
      if (entry.uris.size >= MAX_SESSION_URIS && !entry.uris.has(uri)) return false;
      entry.connections.set(connection.server, connection);
      entry.uris.set(uri, connection.server);
      await schedule(entry);
      const granted =
        entry.open === undefined
          ? undefined
          : rawGet(entry.open.acknowledged, 'resourceSubscriptions');
      const uris = granted === undefined ? undefined : rawItems(granted);
      const honoured = uris?.some((raw) => rawAsString(raw) === uri) ?? false;
      if (!honoured) entry.uris.delete(uri);
      return honoured;
    },
    async unsubscribe(session, uri) {
      const entry = entries.get(session.id);
      if (entry === undefined || !entry.uris.delete(uri)) return;
      await schedule(entry);
    },
    announceAll(kinds) {
      for (const entry of entries.values()) for (const kind of kinds) entry.open?.announce(kind);
    },
    end(session) {
      ended.add(session);
      const entry = entries.get(session.id);
      if (entry === undefined) return;
      entries.delete(session.id);
      entry.pushes.clear();
      void entry.work.then(() => {
        entry.open?.close();
        entry.abort?.abort();
      });
    },
  };
}
