import type { Principal } from '../../identity/index.ts';
import type { Clock, IdSource } from '../../kernel/index.ts';
import type { ClientFacts, Endpoint, GatewayCore, RawJson } from '../model.ts';
import { scanJson } from '../wire/raw-json.ts';
import { eraOf, isRevision } from '../wire/revisions.ts';
import type { Sealer } from '../wire/seal.ts';
import type { Digest } from './client-facts.ts';
import type { EdgeLogger } from './deps.ts';
import type { EdgeLimits } from './limits.ts';
import type { PrincipalState } from './principal-book.ts';
import { sameEndpoint } from './route.ts';
import { SessionRecord } from './session-record.ts';

export interface SessionStore {
  /** Undefined when the process is full; the principal's longest idle session makes room for its own. */
  create(
    principal: Principal,
    state: PrincipalState,
    client: ClientFacts,
    endpoint: Endpoint,
  ): SessionRecord | undefined;
  /** Undefined for everything that must look like an unknown session, another caller's included. */
  find(
    token: string,
    principal: Principal,
    state: PrincipalState,
    endpoint: Endpoint,
  ): SessionRecord | undefined;
  byInner(inner: string): SessionRecord | undefined;
  /** `final`: the sealed id must not open again here (DELETE, revocation). */
  end(record: SessionRecord, final: boolean): void;
  all(): Iterable<SessionRecord>;
  of(state: PrincipalState): readonly SessionRecord[];
  size(): number;
  /** Drops idle and expired sessions and replay logs nobody came back for. */
  sweep(): void;
}

const KIND = 'session';
const MAX_TOMBSTONES = 100_000;
/** A session whose client said more can only live on the replica that made it. */
const MAX_SEALED_FACTS = 2_048;

export function createSessionStore(deps: {
  readonly core: GatewayCore;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: EdgeLogger;
  readonly limits: EdgeLimits;
  readonly digest: Digest;
}): SessionStore {
  const { core, sealer, clock, ids, logger, limits, digest } = deps;
  const byToken = new Map<string, SessionRecord>();
  const byInner = new Map<string, SessionRecord>();
  const byState = new Map<PrincipalState, Set<SessionRecord>>();
  const tombstones = new Map<string, number>();

  const remember = (record: SessionRecord): void => {
    byToken.set(record.id, record);
    byInner.set(record.inner, record);
    record.state.sessions++;
    const own = byState.get(record.state) ?? new Set();
    byState.set(record.state, own.add(record));
  };

  const room = (state: PrincipalState): boolean => {
    if (state.sessions >= limits.maxSessionsPerPrincipal) {
      let oldest: SessionRecord | undefined;
      for (const record of byState.get(state) ?? []) {
        if (record.busy) continue;
        if (oldest === undefined || record.lastSeen < oldest.lastSeen) oldest = record;
      }
      if (oldest === undefined) return false;
      end(oldest, false);
    }
    return byToken.size < limits.maxSessions;
  };

  const end = (record: SessionRecord, final: boolean): void => {
    if (record.ended) return;
    record.ended = true;
    byToken.delete(record.id);
    byInner.delete(record.inner);
    record.state.sessions--;
    const own = byState.get(record.state);
    own?.delete(record);
    if (own?.size === 0) byState.delete(record.state);
    if (final) {
      if (tombstones.size >= MAX_TOMBSTONES)
        tombstones.delete(tombstones.keys().next().value ?? '');
      tombstones.set(record.inner, record.expiresAt);
    }
    record.detach?.();
    record.detach = undefined;
    for (const exchange of record.calls?.values() ?? []) exchange.abort('the session has ended');
    for (const log of record.logs?.values() ?? []) log.drop();
    record.logs = undefined;
    core.endSession(record);
  };

  const adopt = (
    token: string,
    principal: Principal,
    state: PrincipalState,
    endpoint: Endpoint,
  ): SessionRecord | undefined => {
    const payload = sealer.open(KIND, token);
    if (payload === undefined) return undefined;
    const { i: inner, k, r: revision, c, n, s: server, e: expiresAt } = payload;
    if (k !== state.key) {
      logger.warn(
        { agent: principal.agent.id, session: inner },
        'a session id of another principal was presented',
      );
      return undefined;
    }
    if (typeof inner !== 'string' || typeof expiresAt !== 'number' || tombstones.has(inner))
      return undefined;
    if (typeof revision !== 'string' || !isRevision(revision) || typeof c !== 'string')
      return undefined;
    const sealedFor: Endpoint =
      typeof server === 'string' ? { kind: 'server', server } : { kind: 'all' };
    if (!sameEndpoint(sealedFor, endpoint) || !room(state)) return undefined;
    const capabilities = scanJson(c);
    const info = typeof n === 'string' ? scanJson(n) : undefined;
    if (!capabilities.ok || (info !== undefined && !info.ok)) return undefined;
    const client: ClientFacts = {
      era: eraOf(revision),
      revision,
      capabilities: capabilities.value,
      capabilitiesDigest: digest(capabilities.value),
      info: info?.value,
      logLevel: undefined,
    };
    const record = new SessionRecord({
      id: token,
      inner,
      principal,
      state,
      client,
      endpoint,
      expiresAt,
      now: clock.monotonic(),
    });
    remember(record);
    return record;
  };

  return {
    create(principal, state, client, endpoint) {
      if (!room(state)) return undefined;
      const inner = ids.next('session');
      const expiresAt = clock.now() + limits.sessionTtlMs;
      const id = sealer.seal(
        KIND,
        {
          i: inner,
          k: state.key,
          r: client.revision,
          ...sealedFacts(client),
          ...(endpoint.kind === 'server' ? { s: endpoint.server } : {}),
          e: expiresAt,
        },
        limits.sessionTtlMs,
      );
      const record = new SessionRecord({
        id,
        inner,
        principal,
        state,
        client,
        endpoint,
        expiresAt,
        now: clock.monotonic(),
      });
      remember(record);
      return record;
    },
    find(token, principal, state, endpoint) {
      const record = byToken.get(token) ?? adopt(token, principal, state, endpoint);
      if (record === undefined) return undefined;
      if (record.state.key !== state.key) {
        logger.warn(
          { agent: principal.agent.id, session: record.inner },
          'a session id of another principal was presented',
        );
        return undefined;
      }
      if (!sameEndpoint(record.endpoint, endpoint)) return undefined;
      if (clock.now() >= record.expiresAt) {
        end(record, true);
        return undefined;
      }
      record.principal = principal;
      record.lastSeen = clock.monotonic();
      return record;
    },
    byInner: (inner) => byInner.get(inner),
    end,
    all: () => byToken.values(),
    of: (state) => [...(byState.get(state) ?? [])],
    size: () => byToken.size,
    sweep() {
      const now = clock.monotonic();
      const wall = clock.now();
      for (const record of byToken.values()) {
        if (wall >= record.expiresAt) end(record, true);
        else if (now - record.lastSeen >= limits.sessionIdleMs && !record.busy) end(record, false);
        else if (record.logs !== undefined) sweepLogs(record, now, limits.resumeMs);
      }
      for (const [inner, expiresAt] of tombstones) if (wall >= expiresAt) tombstones.delete(inner);
    },
  };
}

function sweepLogs(record: SessionRecord, now: number, resumeMs: number): void {
  for (const log of record.logs?.values() ?? []) {
    const abandoned =
      log.writer === undefined && (log.done || log.stream === 0) && now - log.idleSince >= resumeMs;
    if (!abandoned) continue;
    record.forget(log);
    if (log.stream !== 0) continue;
    record.detach?.();
    record.detach = undefined;
  }
  if (record.logs?.size === 0) record.logs = undefined;
}

function sealedFacts(client: ClientFacts): { c?: RawJson; n?: RawJson } {
  const { capabilities, info } = client;
  if (capabilities.length + (info?.length ?? 0) <= MAX_SEALED_FACTS) {
    return info === undefined ? { c: capabilities } : { c: capabilities, n: info };
  }
  return capabilities.length <= MAX_SEALED_FACTS ? { c: capabilities } : {};
}
