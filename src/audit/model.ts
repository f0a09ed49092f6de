/** What the record holds. One line of canonical-enough JSON each; bodies by digest unless configured. */

export type AuditType =
  /** A call was decided; durable before anything is forwarded. */
  | 'decision'
  /** What came back for a decided call, or why nothing did. */
  | 'outcome'
  /** A step failed to run, the log recovered, an upstream misbehaved. */
  | 'fault'
  /** Somebody changed something: agents, keys, servers, policies, configuration. */
  | 'admin'
  /** Authentication succeeded or was refused, sessions began and ended. */
  | 'session';

/** Who acted: the agent, and for whom. */
export interface AuditActor {
  readonly agent: string;
  readonly agentId: string;
  readonly owner: string;
  readonly user?: string;
  /** Admin API and CLI changes carry the channel instead of an agent. */
  readonly channel?: 'cli' | 'api' | 'console' | 'system';
}

/** The fields every record has; `detail` is per type. */
export interface AuditRecord {
  readonly type: AuditType;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly actor: AuditActor;
  /** `cal_…` of the call the record belongs to. */
  readonly call?: string;
  /** `dec_…`; present on decision records and on the outcome that follows. */
  readonly decision?: string;
  readonly session?: string;
  readonly task?: string;
  /** W3C trace id (32 hex) and span id (16 hex). */
  readonly trace?: string;
  readonly span?: string;
  readonly server?: string;
  /** MCP method, e.g. `tools/call`. */
  readonly method?: string;
  /** Tool or prompt name, or resource URI. */
  readonly target?: string;
  /** allow | deny | hold for decisions; ok | error | fault | cancelled | refused for outcomes. */
  readonly effect?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Where a record landed. `seq` starts at 0 and has no gaps; `hash` is lower-case hex SHA-256. */
export interface AuditReceipt {
  readonly seq: number;
  readonly hash: string;
}

/** The write side, the only part the gateway sees. */
export interface AuditWriter {
  /**
   * Resolves once the record is on stable storage (one fdatasync for many records), or rejects with
   * `AUDIT_UNAVAILABLE` (disk) or `AUDIT_BACKPRESSURE` (too many outstanding). A rejected append means: do not act.
   */
  append(record: AuditRecord, urgency?: AuditUrgency): Promise<AuditReceipt>;
}

/**
 * `now` starts a flush at once. `soon` joins the next flush, at the latest after `SOON_MS`: for records that nothing waits
 * for, so that they don't cost the next decision a second fdatasync.
 */
export type AuditUrgency = 'now' | 'soon';
