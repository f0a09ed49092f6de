/** Every bound of the edge. Milliseconds and bytes. */
export interface EdgeLimits {
  readonly maxBodyBytes: number;
  /** Bodies of OAuth and well-known paths. */
  readonly maxFormBytes: number;
  readonly maxHeaderBytes: number;
  /** Open connections in the whole process; more are closed at once, before a byte is read. */
  readonly maxConnections: number;
  /** Bodies that are arriving, of all admitted callers together (503) and of one principal (429). */
  readonly maxArrivingBytes: number;
  readonly maxArrivingBytesPerPrincipal: number;
  /** The same of OAuth and well-known paths, whose callers are strangers (503). */
  readonly maxArrivingFormBytes: number;
  readonly maxDepth: number;
  /** JSON values in one body: what many small ones cost is time, which all callers share. */
  readonly maxValues: number;
  readonly maxBatch: number;
  readonly maxSessions: number;
  /** The principal's longest idle session makes room for a new one. */
  readonly maxSessionsPerPrincipal: number;
  /** An idle session is dropped from memory; its sealed id can bring it back until `sessionTtlMs`. */
  readonly sessionIdleMs: number;
  readonly sessionTtlMs: number;
  /** Requests in flight in the whole process (503) and of one principal (429). */
  readonly maxCalls: number;
  readonly maxCallsPerPrincipal: number;
  /** GET streams, HTTP+SSE streams and `subscriptions/listen` of one principal (429). */
  readonly maxStreamsPerPrincipal: number;
  /** Questions to the client open in one session. */
  readonly maxAsksPerSession: number;
  /** A quiet stream gets a comment, a quiet call becomes a stream. */
  readonly heartbeatMs: number;
  /** Bytes that may wait for a slow reader before it is cut. */
  readonly maxBufferedBytes: number;
  /** Replay of one legacy stream. */
  readonly replayEvents: number;
  readonly replayBytes: number;
  /** Replay of all streams of the process. */
  readonly replayTotalBytes: number;
  /** Streams of one session that can be resumed. */
  readonly replayStreams: number;
  /** How long a dropped or finished stream can be resumed. */
  readonly resumeMs: number;
  /** Time for headers and body to arrive. */
  readonly requestTimeoutMs: number;
  /** Above the idle time-out of the load balancer in front. */
  readonly keepAliveMs: number;
}

export const DEFAULT_EDGE_LIMITS: EdgeLimits = {
  maxBodyBytes: 4 * 1024 * 1024,
  maxFormBytes: 64 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxConnections: 20_000,
  maxArrivingBytes: 256 * 1024 * 1024,
  maxArrivingBytesPerPrincipal: 32 * 1024 * 1024,
  maxArrivingFormBytes: 16 * 1024 * 1024,
  maxDepth: 64,
  maxValues: 100_000,
  maxBatch: 32,
  maxSessions: 50_000,
  maxSessionsPerPrincipal: 1_000,
  sessionIdleMs: 30 * 60_000,
  sessionTtlMs: 24 * 3_600_000,
  maxCalls: 4_096,
  maxCallsPerPrincipal: 256,
  maxStreamsPerPrincipal: 128,
  maxAsksPerSession: 32,
  heartbeatMs: 15_000,
  maxBufferedBytes: 1024 * 1024,
  replayEvents: 256,
  replayBytes: 256 * 1024,
  replayTotalBytes: 64 * 1024 * 1024,
  replayStreams: 8,
  resumeMs: 5 * 60_000,
  requestTimeoutMs: 30_000,
  keepAliveMs: 75_000,
};
