import type { Principal } from '../../identity/index.ts';
import type { CellMap } from '../../kernel/index.ts';
import type { ClientFacts, Endpoint, LogLevel, RawJson, Session } from '../model.ts';
import type { Exchange } from './exchange.ts';
import type { EdgeLimits } from './limits.ts';
import type { PrincipalState } from './principal-book.ts';
import { type ReplayBudget, ReplayLog } from './replay-log.ts';

/** A legacy session in memory. Idle it is this object and nothing more: maps come with the first use. */
export class SessionRecord implements Session {
  readonly id: string;
  /** Inner id of the seal; names the session in tombstones and relayed answers. */
  readonly inner: string;
  readonly client: ClientFacts;
  readonly endpoint: Endpoint;
  readonly state: PrincipalState;
  readonly expiresAt: number;
  /** Follows the newest token of the same caller. */
  principal: Principal;
  logLevel: LogLevel | undefined = undefined;
  lastSeen: number;
  ended = false;
  asks = 0;
  /** Lives as long as its HTTP+SSE stream, however quiet. */
  pinned = false;
  /** Open requests by canonical id. */
  calls: CellMap<string, Exchange> | undefined = undefined;
  /** Resumable streams by number; 0 is the GET stream. */
  logs: Map<number, ReplayLog> | undefined = undefined;
  detach: (() => void) | undefined = undefined;
  private nextStream = 1;

  constructor(fields: {
    id: string;
    inner: string;
    principal: Principal;
    state: PrincipalState;
    client: ClientFacts;
    endpoint: Endpoint;
    expiresAt: number;
    now: number;
  }) {
    this.id = fields.id;
    this.inner = fields.inner;
    this.principal = fields.principal;
    this.state = fields.state;
    this.client = fields.client;
    this.endpoint = fields.endpoint;
    this.expiresAt = fields.expiresAt;
    this.lastSeen = fields.now;
  }

  get busy(): boolean {
    if (this.pinned) return true;
    if (this.calls !== undefined && this.calls.size > 0) return true;
    for (const log of this.logs?.values() ?? []) if (log.writer !== undefined) return true;
    return false;
  }

  openLog(limits: EdgeLimits, budget: ReplayBudget, push = false): ReplayLog {
    this.logs ??= new Map();
    if (this.logs.size >= limits.replayStreams) this.forgetOldest();
    const stream = push ? 0 : this.nextStream++;
    const log = new ReplayLog(stream, limits.replayEvents, limits.replayBytes, budget);
    this.logs.set(stream, log);
    return log;
  }

  forget(log: ReplayLog): void {
    log.drop();
    this.logs?.delete(log.stream);
  }

  private forgetOldest(): void {
    for (const log of this.logs?.values() ?? []) {
      if (!log.done) continue;
      this.forget(log);
      return;
    }
  }
}

/** The same id in another spelling is the same id. */
export function idKey(id: RawJson): string {
  return id.includes('\\') ? JSON.stringify(JSON.parse(id)) : id;
}
