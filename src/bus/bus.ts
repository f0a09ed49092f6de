/** The event port. Topics are dot-separated tokens; patterns know `*` (one token) and `>` (the rest). */

export interface BusMessage {
  readonly topic: string;
  /** The receiver's own copy. */
  readonly payload: Uint8Array;
  /** The payload as UTF-8; bytes that are not become U+FFFD. */
  text(): string;
  /** Answers a request, the first time it is called; does nothing for other messages. */
  respond(payload: Uint8Array | string): void;
}

/** May be slow, throw or reject: that is its own subscription's trouble alone. */
export type BusHandler = (message: BusMessage) => void | Promise<void>;

export interface SubscribeOptions {
  /** Of all subscriptions with one queue name that match, one gets each message. */
  readonly queue?: string;
  /** Messages that may wait; beyond it new ones are dropped and counted. */
  readonly capacity?: number;
}

export interface Subscription {
  /** No handler call begins after it was called; waiting messages are forgotten. */
  unsubscribe(): void;
  /** Messages lost because the handler was too slow. */
  dropped(): number;
}

export interface BusStats {
  readonly subscriptions: number;
  readonly published: number;
  readonly delivered: number;
  /** Lost to full queues, over all subscriptions. */
  readonly dropped: number;
  /** Handler calls that threw or rejected. */
  readonly failed: number;
}

/**
 * At most once: a message reaches the subscriptions that exist now, or nobody. Never the only copy
 * of something that matters; what must not be lost is in the store or the record, and the bus is
 * the wake-up. Messages of one publisher reach one subscription in order, one at a time.
 *
 * @throws AppError `BUS_BAD_TOPIC`, `BUS_BAD_PAYLOAD`, `BUS_CLOSED`, `BUS_OVERLOADED`
 */
export interface Bus {
  /** Hands the message over and returns at once, whatever the subscribers do. */
  publish(topic: string, payload: Uint8Array | string): void;
  /** Resolves when messages published from then on will arrive. */
  subscribe(
    pattern: string,
    handler: BusHandler,
    options?: SubscribeOptions,
  ): Promise<Subscription>;
  /**
   * Publishes and waits for the first answer.
   * Rejects with `BUS_NO_RESPONDERS`, `BUS_TIMEOUT`, `BUS_CLOSED` or the reason of the signal.
   */
  request(
    topic: string,
    payload: Uint8Array | string,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<BusMessage>;
  stats(): BusStats;
  /** Ends all subscriptions and rejects the requests that wait. */
  close(): Promise<void>;
}

export const DEFAULT_CAPACITY = 1024;
export const MAX_CAPACITY = 65_536;
/** Bytes that may wait in one subscription. */
export const MAX_WAITING_BYTES = 16 * 1024 * 1024;
export const MAX_SUBSCRIPTIONS = 10_000;
export const MAX_REQUESTS = 10_000;
