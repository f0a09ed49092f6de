import type { PolicySnapshot } from '../service/model.ts';
import { createReplay } from './create-replay.ts';
import type { ReplayReport } from './model.ts';
import { type DecisionRecord, type ReadRecordDeps, readRecord } from './read-record.ts';

export interface ReplayFilter {
  readonly agent?: string;
  readonly server?: string;
  /** Earliest time, included; milliseconds since the epoch. */
  readonly since?: number;
  /** Latest time, excluded. */
  readonly until?: number;
}

export interface ReplayDeps extends ReadRecordDeps {
  readonly signal?: AbortSignal;
  /** Called every {@link TURN} records: lets the gateway's own work go first. */
  readonly breathe?: () => Promise<void>;
}

/** Records between two breaths. At a few microseconds each no other work waits longer than some milliseconds. */
export const TURN = 500;

/**
 * Replays a stream of audit records, one at a time, and tells what would change. Records of other types and outside of
 * the filter are passed over. Ends early, with what it has, when `signal` aborts.
 */
export async function replayHistory(
  before: PolicySnapshot,
  after: PolicySnapshot,
  records: AsyncIterable<DecisionRecord> | Iterable<DecisionRecord>,
  filter: ReplayFilter,
  deps: ReplayDeps,
): Promise<ReplayReport> {
  const replay = createReplay(before, after);
  let sinceBreath = 0;
  for await (const record of records) {
    if (deps.signal?.aborted === true) break;
    if (++sinceBreath >= TURN) {
      sinceBreath = 0;
      await deps.breathe?.();
    }
    if (record.type !== 'decision' || !matches(record, filter)) continue;
    const call = await readRecord(record, deps);
    if (typeof call === 'string') replay.skip(call);
    else replay.add(call);
  }
  return replay.report();
}

function matches(record: DecisionRecord, { agent, server, since, until }: ReplayFilter): boolean {
  if (since !== undefined && record.time < since) return false;
  if (until !== undefined && record.time >= until) return false;
  if (server !== undefined && record.server !== server) return false;
  if (agent === undefined) return true;
  const actor = record.actor as { readonly agent?: unknown } | undefined;
  return actor?.agent === agent;
}
