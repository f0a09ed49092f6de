/** Every bound of the upstream side, with its default. Milliseconds, bytes or counts as named. */
export interface UpstreamLimits {
  /** One message, whichever transport: a stdio line, an HTTP body, an SSE event. */
  readonly maxMessageBytes: number;
  readonly maxDepth: number;
  /** Calls waiting for one stdio process, one HTTP session or (modern HTTP) one principal. */
  readonly maxInFlight: number;
  /** Calls of all principals at one HTTP server, those that queue for a socket included. */
  readonly maxServerInFlight: number;
  /** Bytes a stdio child may leave unread before further calls are refused. */
  readonly maxUnwrittenBytes: number;
  /** Requests of one server waiting for answers of the client, per connection. */
  readonly maxAsks: number;
  /** Notifications per connection: a bucket of `burst` that refills with `perSecond`. */
  readonly notificationBurst: number;
  readonly notificationsPerSecond: number;
  /** Protocol faults within a minute after which the connection is given up. */
  readonly maxFaultsPerMinute: number;
  /** Absolute cap of one call, progress or not. */
  readonly maxCallMs: number;
  readonly connectMs: number;
  /** Deadline of an acknowledgement of `subscriptions/listen`. */
  readonly acknowledgeMs: number;
  /** stdio probe: silence after `server/discover` before `initialize` is tried on the same sibling. */
  readonly probeSilenceMs: number;
  /** Age after which a server's era is probed again. */
  readonly eraMaxAgeMs: number;
  /**
   * TCP connections per upstream: for calls, for long streams, for answers and cancellations. The first two are four times
   * and more what one principal may hold at the edge, or one that lets its calls hang would block everybody's.
   */
  readonly callSockets: number;
  readonly streamSockets: number;
  readonly controlSockets: number;
  /** Connections (processes, sessions) per server over all principals. */
  readonly maxProcesses: number;
  readonly maxSessions: number;
  /** Unused connections are closed after this; those of a legacy client's session after `sessionIdleMs`. */
  readonly idleMs: number;
  readonly sessionIdleMs: number;
  /** A connection of a removed or changed server may finish its calls for this long. */
  readonly drainMs: number;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
  /** `acquire` waits for a restart that is due within this, otherwise it fails at once. */
  readonly backoffPatienceMs: number;
  /** A connection that lived this long was healthy: the back-off starts afresh. */
  readonly healthyMs: number;
  /** Between end of stdin, SIGTERM and SIGKILL. */
  readonly killGraceMs: number;
  /** Reconnects of a broken SSE stream without one new message in between. */
  readonly maxResumes: number;
}

export const DEFAULT_LIMITS: UpstreamLimits = {
  maxMessageBytes: 16 * 1024 * 1024,
  maxDepth: 64,
  maxInFlight: 256,
  maxServerInFlight: 4096,
  maxUnwrittenBytes: 32 * 1024 * 1024,
  maxAsks: 32,
  notificationBurst: 2000,
  notificationsPerSecond: 500,
  maxFaultsPerMinute: 500,
  maxCallMs: 30 * 60_000,
  connectMs: 30_000,
  acknowledgeMs: 5_000,
  probeSilenceMs: 2_000,
  eraMaxAgeMs: 60 * 60_000,
  callSockets: 1024,
  streamSockets: 1024,
  controlSockets: 64,
  maxProcesses: 64,
  maxSessions: 1024,
  idleMs: 10 * 60_000,
  sessionIdleMs: 60 * 60_000,
  drainMs: 30_000,
  backoffBaseMs: 250,
  backoffMaxMs: 30_000,
  backoffPatienceMs: 2_000,
  healthyMs: 60_000,
  killGraceMs: 1_000,
  maxResumes: 5,
};
