import type { UpstreamConnection } from '../model.ts';
import type { UpstreamLogger } from './ports.ts';

/** A connection as the pool holds it. */
export interface ManagedConnection extends UpstreamConnection {
  /** Like `onNotification`, but opens no stream for it: hears only what comes anyway. */
  tap: UpstreamConnection['onNotification'];
  /** Calls and subscriptions that are open; zero means it may be closed when unused. */
  inFlight(): number;
  /** Somebody listens for notifications; it stays open longer when unused. */
  watched(): boolean;
  /** Ends it: open calls fail with `GW_UPSTREAM_LOST`. `reason` goes to the close listeners. */
  close(reason: string): void;
  /** Resolves when its resources are gone. */
  closed(): Promise<void>;
  /** Last words for the status line, e.g. of stderr. */
  lastWords(): string | undefined;
}

type NotificationListener = Parameters<UpstreamConnection['onNotification']>[0];

export interface ConnectionEvents {
  tap(listener: NotificationListener): () => void;
  watched(): boolean;
  onNotification(listener: NotificationListener): () => void;
  onClose(listener: (reason: string) => void): () => void;
  emit: NotificationListener;
  /** Runs the close listeners, once. */
  end(reason: string): void;
  ended(): boolean;
}

/**
 * The listener bookkeeping all connections share. A close listener added too late runs at once. A listener that throws
 * is logged and harms nobody: it runs within the handling of what a server sent.
 */
export function createConnectionEvents(server: string, logger: UpstreamLogger): ConnectionEvents {
  const notified = new Set<NotificationListener>();
  const tapped = new Set<NotificationListener>();
  const closed = new Set<(reason: string) => void>();
  let endReason: string | undefined;
  const tell = (
    listeners: ReadonlySet<NotificationListener>,
    ...message: Parameters<NotificationListener>
  ): void => {
    for (const listener of listeners) {
      try {
        listener(...message);
      } catch (err) {
        logger.warn({ server, err }, 'a notification could not be handled');
      }
    }
  };
  return {
    onNotification(listener) {
      notified.add(listener);
      return () => void notified.delete(listener);
    },
    onClose(listener) {
      if (endReason !== undefined) listener(endReason);
      else closed.add(listener);
      return () => void closed.delete(listener);
    },
    tap(listener) {
      tapped.add(listener);
      return () => void tapped.delete(listener);
    },
    watched: () => notified.size > 0,
    emit(method, params) {
      tell(tapped, method, params);
      tell(notified, method, params);
    },
    end(reason) {
      if (endReason !== undefined) return;
      endReason = reason;
      for (const listener of [...closed]) listener(reason);
      closed.clear();
      notified.clear();
      tapped.clear();
    },
    ended: () => endReason !== undefined,
  };
}
