import type { Clock, Logger } from '../../kernel/index.ts';
import type { ClientFacts, RawJson, UpstreamConnection } from '../model.ts';
import { META } from '../wire/envelope.ts';
import { rawGet, rawKind, rawObject, rawOf, rawSet, rawString } from '../wire/raw-json.ts';
import { createCoalescer } from './coalescer.ts';
import { type ListenPlan, openListeners } from './open-listeners.ts';
import { sortNotification, type TaskNames } from './sort-notification.ts';
import {
  concerns,
  isEmpty,
  type ListKind,
  readFilter,
  type SubscriptionFilter,
  writeFilter,
} from './subscription-filter.ts';

export type { TaskNames } from './sort-notification.ts';

/** How long `open` waits for the servers before it acknowledges what answered. */
export const ACKNOWLEDGE_MS = 5_000;
const WINDOW_MS = 100;

export interface SubscriptionRequest {
  readonly connections: readonly UpstreamConnection[];
  /** The `notifications` object of `subscriptions/listen`, or its like for a legacy session. Only URIs the caller may read. */
  readonly filter: RawJson;
  readonly client: ClientFacts;
  /** Id of the listen request, stamped on every message; undefined for legacy clients. */
  readonly subscriptionId: RawJson | undefined;
  /** The server a URI belongs to; undefined leaves it out of the acknowledgement. */
  ownerOf(uri: string): string | undefined;
  /** The caller's task ids; undefined where there are none. */
  readonly tasks?: TaskNames;
  /** False when a server's list changed and the caller's filtered view did not. Absent: always tell. */
  viewChanged?(server: string, kind: ListKind): boolean | Promise<boolean>;
  /**
   * May the caller be told of this resource now? Asked for every update, because policy may have changed since the
   * subscription was made, and because a server may report what lies inside a subscribed URI. Absent: always.
   */
  mayHear?(server: string, uri: string): boolean;
  /** Log messages outside any request: legacy sessions only, by their level. */
  wantsLog?(params: RawJson | undefined): boolean;
  onMessage(method: string, params: RawJson | undefined): void;
  /** A server's connection is gone for good; the subscription goes on without it. */
  onLost?(server: string, reason: string): void;
  readonly signal: AbortSignal;
}

export interface OpenSubscription {
  /** The honoured subset of the filter, as it was acknowledged. */
  readonly acknowledged: RawJson;
  /** Servers that did not answer in time or refused. */
  readonly missing: readonly string[];
  /** Policy, pin or grant changed the caller's view: tells the client, if it listens for that list. */
  announce(kind: ListKind): void;
  /**
   * Ends it from our side (revocation, expiry, shutdown): a modern client gets `notifications/cancelled` for the listen
   * request; answer that request with `listenResult` afterwards.
   */
  end(reason: string): void;
  close(): void;
}

export interface Subscriptions {
  /**
   * Opens listeners at the servers, waits for them at most 5 s, and acknowledges what they honour: for a modern client
   * `notifications/subscriptions/acknowledged` is the first message. List changes are always honoured, since we announce
   * them ourselves. Rejects only with the reason of `signal`.
   */
  open(request: SubscriptionRequest): Promise<OpenSubscription>;
}

export function createSubscriptions(deps: {
  readonly clock: Clock;
  readonly logger: Logger;
}): Subscriptions {
  const { clock, logger } = deps;
  return {
    async open(request) {
      const { client, signal, subscriptionId } = request;
      signal.throwIfAborted();
      const wanted = readFilter(request.filter);
      let honoured: SubscriptionFilter = wanted;
      let honouredUris = byOwner(request, wanted.uris);
      let live = false;
      let closed = false;
      const early = new Map<string, readonly [string, RawJson | undefined]>();
      const send = (method: string, params: RawJson | undefined): void =>
        request.onMessage(
          method,
          subscriptionId === undefined ? params : stamp(params, subscriptionId),
        );
      const coalescer = createCoalescer(clock, WINDOW_MS, send);
      const push = (key: string, method: string, params: RawJson | undefined): void => {
        if (closed) return;
        // Nothing goes before the acknowledgement (2026-07-28, subscriptions).
        if (live) coalescer.push(key, method, params);
        else early.set(key, [method, params]);
      };

      const receive = (server: string, method: string, params: RawJson | undefined): void => {
        const sorted = sortNotification(
          { server, client, tasks: request.tasks, wantsLog: request.wantsLog },
          method,
          params,
        );
        if (sorted === undefined || closed) return;
        if (sorted.kind === 'direct') {
          if (live || subscriptionId === undefined) send(method, sorted.params);
          return;
        }
        if (sorted.kind === 'resource') {
          const own = honouredUris.get(server);
          if (own === undefined || !concerns(own, sorted.uri)) return;
          if (request.mayHear?.(server, sorted.uri) ?? true)
            push(`r ${sorted.uri}`, method, sorted.params);
          return;
        }
        if (sorted.kind === 'task') {
          if (honoured.taskIds.includes(sorted.taskId))
            push(`t ${sorted.taskId}`, method, sorted.params);
          return;
        }
        const { list } = sorted;
        if (!honoured.lists.has(list)) return;
        const verdict = request.viewChanged?.(server, list) ?? true;
        if (verdict === true) push(list, method, undefined);
        else if (verdict !== false) {
          // When the view can't be compared, a needless look is cheaper than a missed change.
          verdict.then(
            (changed) => changed && push(list, method, undefined),
            () => push(list, method, undefined),
          );
        }
      };

      const detach = request.connections.flatMap((connection) => [
        connection.onNotification((method, params) => receive(connection.server, method, params)),
        connection.onClose((reason) => request.onLost?.(connection.server, reason)),
      ]);
      const listeners = openListeners(
        { clock, logger, client, signal, ms: ACKNOWLEDGE_MS },
        plan(request, wanted),
      );
      const close = (): void => {
        if (closed) return;
        closed = true;
        signal.removeEventListener('abort', close);
        coalescer.close();
        for (const off of detach) off();
        listeners.close();
      };
      signal.addEventListener('abort', close, { once: true });
      const { uris, taskIds, missing } = await listeners.ready;
      signal.throwIfAborted();
      honoured = {
        lists: wanted.lists,
        uris: wanted.uris.filter((uri) => uris.has(uri)),
        taskIds: wanted.taskIds.filter((id) => taskIds.has(id)),
      };
      honouredUris = byOwner(request, honoured.uris);
      const acknowledged = writeFilter(honoured);
      if (subscriptionId !== undefined) {
        send(
          'notifications/subscriptions/acknowledged',
          rawObject([['notifications', acknowledged]]),
        );
      }
      live = true;
      for (const [key, [method, params]] of early) coalescer.push(key, method, params);
      early.clear();
      return {
        acknowledged,
        missing,
        announce: (kind) => {
          if (honoured.lists.has(kind)) push(kind, `notifications/${kind}/list_changed`, undefined);
        },
        end(reason) {
          if (closed) return;
          if (subscriptionId !== undefined) {
            send(
              'notifications/cancelled',
              rawObject([
                ['requestId', subscriptionId],
                ['reason', rawString(reason)],
              ]),
            );
          }
          close();
        },
        close,
      };
    },
  };
}

/** A server speaks for its own resources only. */
function byOwner(request: SubscriptionRequest, uris: readonly string[]): Map<string, Set<string>> {
  const owners = new Map<string, Set<string>>();
  for (const uri of uris) {
    const owner = request.ownerOf(uri);
    if (owner === undefined) continue;
    const set = owners.get(owner) ?? new Set<string>();
    owners.set(owner, set.add(uri));
  }
  return owners;
}

/** Splits the filter: each server gets the lists, and the URIs and tasks that are its own. */
function plan(request: SubscriptionRequest, wanted: SubscriptionFilter): ListenPlan[] {
  return request.connections.flatMap((connection) => {
    const tasks = new Map<string, string>();
    for (const id of wanted.taskIds) {
      const own =
        connection.info.era === 'modern'
          ? request.tasks?.toServer(connection.server, id)
          : undefined;
      if (own !== undefined) tasks.set(own, id);
    }
    const filter: SubscriptionFilter = {
      lists: wanted.lists,
      uris: wanted.uris.filter((uri) => request.ownerOf(uri) === connection.server),
      taskIds: [...tasks.keys()],
    };
    return isEmpty(filter) ? [] : [{ connection, filter, tasks }];
  });
}

function stamp(params: RawJson | undefined, subscriptionId: RawJson): RawJson {
  const base = params ?? ('{}' as RawJson);
  const meta = rawGet(base, '_meta');
  const own = meta !== undefined && rawKind(meta) === 'object' ? meta : ('{}' as RawJson);
  return rawSet(base, '_meta', rawSet(own, META.subscriptionId, subscriptionId));
}

/** The empty result that ends a listen request gracefully (2026-07-28, subscriptions). */
export function listenResult(subscriptionId: RawJson, serverInfo?: RawJson): RawJson {
  const meta: Array<readonly [string, RawJson]> = [[META.subscriptionId, subscriptionId]];
  if (serverInfo !== undefined) meta.push([META.serverInfo, serverInfo]);
  return rawObject([
    ['resultType', rawOf('complete')],
    ['_meta', rawObject(meta)],
  ]);
}
