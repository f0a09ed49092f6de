import type { Clock, Logger } from '../../kernel/index.ts';
import type { ClientFacts, UpstreamConnection, UpstreamListener } from '../model.ts';
import { readFilter, type SubscriptionFilter, writeFilter } from './subscription-filter.ts';

/** What one server is asked for; `tasks` maps its own task ids to ours. */
export interface ListenPlan {
  readonly connection: UpstreamConnection;
  readonly filter: SubscriptionFilter;
  readonly tasks: ReadonlyMap<string, string>;
}

export interface Listeners {
  /** After every server answered or the time is over; never rejects. */
  readonly ready: Promise<{
    readonly uris: ReadonlySet<string>;
    /** Ours. */
    readonly taskIds: ReadonlySet<string>;
    readonly missing: readonly string[];
  }>;
  close(): void;
}

/** One listener per server, with a common deadline. A server that answers later is closed again. */
export function openListeners(
  port: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly client: ClientFacts;
    readonly signal: AbortSignal;
    readonly ms: number;
  },
  plans: readonly ListenPlan[],
): Listeners {
  const { clock, logger, client, signal, ms } = port;
  const uris = new Set<string>();
  const taskIds = new Set<string>();
  const missing = new Set(plans.map((plan) => plan.connection.server));
  const open: UpstreamListener[] = [];
  const stop = new AbortController();
  let late = false;
  const close = (): void => {
    late = true;
    stop.abort();
    for (const listener of open.splice(0)) listener.close();
  };

  const one = async ({ connection, filter, tasks }: ListenPlan): Promise<void> => {
    try {
      const listener = await connection.listen(writeFilter(filter), client, stop.signal);
      if (late) return listener.close();
      open.push(listener);
      missing.delete(connection.server);
      const granted = readFilter(listener.acknowledged);
      // A server can't honour more than it was asked for.
      for (const uri of granted.uris) if (filter.uris.includes(uri)) uris.add(uri);
      for (const id of granted.taskIds) {
        const ours = tasks.get(id);
        if (ours !== undefined) taskIds.add(ours);
      }
    } catch {
      if (!stop.signal.aborted)
        logger.warn({ server: connection.server }, 'a server refused a subscription');
    }
  };

  const { promise: over, resolve: expire } = Promise.withResolvers<void>();
  const timer = clock.setTimeout(expire, ms);
  const abort = (): void => expire();
  signal.addEventListener('abort', abort, { once: true });
  const ready = Promise.race([Promise.all(plans.map(one)), over]).then(() => {
    timer.cancel();
    signal.removeEventListener('abort', abort);
    if (missing.size > 0) {
      logger.warn(
        { servers: [...missing] },
        'a subscription was acknowledged without these servers',
      );
    }
    const answered = { uris: new Set(uris), taskIds: new Set(taskIds), missing: [...missing] };
    // From now on late answers are closed: what was not acknowledged is not delivered.
    late = true;
    return answered;
  });
  return { ready, close };
}
