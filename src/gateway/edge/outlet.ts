/** Where one exchange's messages go. */
export interface Outlet {
  /** A client that takes a stream: notifications and questions can be sent before the answer. */
  readonly canStream: boolean;
  /** Silently nothing when there is no stream. */
  send(json: string): void;
  /** The answer. `status` counts only while nothing was sent. */
  finish(json: string, status: number): void;
  /** Ends without an answer (the client cancelled). */
  abandon(): void;
  tick(now: number): void;
  destroy(): void;
}
