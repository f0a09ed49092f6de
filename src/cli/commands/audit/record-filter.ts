import type { StoredRecord } from '../../../audit/index.ts';
import { parseDuration } from '../../../kernel/index.ts';
import { usage } from '../../context.ts';

export interface FilterOptions {
  readonly type?: string;
  readonly agent?: string;
  readonly server?: string;
  readonly effect?: string;
  readonly call?: string;
  readonly since?: string;
}

export const TYPES = ['decision', 'outcome', 'fault', 'admin', 'session'] as const;

export interface RecordFilter {
  readonly type?: (typeof TYPES)[number];
  readonly agent?: string;
  readonly server?: string;
  readonly effect?: string;
  readonly call?: string;
  /** Milliseconds since the epoch. */
  readonly since?: number;
}

/** `--since` takes a time (ISO 8601) or how long ago (30m, 7d). */
export function readFilter(options: FilterOptions, now: number): RecordFilter {
  const type = TYPES.find((one) => one === options.type);
  if (options.type !== undefined && type === undefined)
    throw usage(`--type ${options.type} is unknown`, `use one of ${TYPES.join(', ')}`);
  const { agent, server, effect, call } = options;
  const since = options.since === undefined ? undefined : sinceOf(options.since, now);
  return {
    ...(type === undefined ? {} : { type }),
    ...(agent === undefined ? {} : { agent }),
    ...(server === undefined ? {} : { server }),
    ...(effect === undefined ? {} : { effect }),
    ...(call === undefined ? {} : { call }),
    ...(since === undefined ? {} : { since }),
  };
}

export function matchesFilter(record: StoredRecord, filter: RecordFilter): boolean {
  return (
    (filter.type === undefined || record.type === filter.type) &&
    (filter.agent === undefined || record.actor.agent === filter.agent) &&
    (filter.server === undefined || record.server === filter.server) &&
    (filter.effect === undefined || record.effect === filter.effect) &&
    (filter.call === undefined || record.call === filter.call) &&
    (filter.since === undefined || record.time >= filter.since)
  );
}

function sinceOf(text: string, now: number): number {
  const ago = parseDuration(text);
  if (ago !== undefined) return now - ago;
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw usage('--since is not understood', 'use 30m, 7d or 2026-11-25T10:00:00Z');
  return time;
}
