import { watch } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeRecord, type StoredRecord, splitLine } from './line.ts';
import { readLines } from './read-lines.ts';
import { listSegments } from './segment-files.ts';

/** A follower looks at least this often, also where the file system reports no changes. */
const POLL_MS = 500;

export interface ReadAuditOptions {
  readonly fromSeq?: number;
  /** Only the last `last` records of what is there (then following, if asked). */
  readonly last?: number;
  /** Waits for new records until `signal` aborts. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Reads records in order, without checking the chain (see `verifyAudit`). Works beside a running writer: a last line that
 * is still being written is taken when it is whole. Lines that are no records are passed over.
 */
export async function* readAudit(
  dir: string,
  options: ReadAuditOptions = {},
): AsyncGenerator<StoredRecord & { readonly hash: string }> {
  const stopped = (): boolean => options.signal?.aborted === true;
  let next = options.fromSeq ?? 0;
  if (options.last !== undefined) {
    const total = await countRecords(dir);
    next = Math.max(next, total - options.last);
  }
  let place: { path: string; offset: number } | undefined;
  for (;;) {
    const segments = await listSegments(dir);
    let index =
      place === undefined
        ? segments.findLastIndex(({ firstSeq }) => firstSeq <= next)
        : segments.findIndex(({ path }) => path === place?.path);
    if (index < 0) index = 0;
    for (const segment of segments.slice(index)) {
      let offset: number = place?.path === segment.path ? place.offset : 0;
      for await (const line of readLines(segment.path, offset)) {
        if (!line.complete) break;
        offset = line.offset + line.bytes;
        const parts = line.text === undefined ? undefined : splitLine(line.text);
        const record = parts === undefined ? undefined : decodeRecord(parts.json);
        if (parts === undefined || record === undefined || record.seq < next) continue;
        next = record.seq + 1;
        yield { ...record, hash: parts.hash };
        if (stopped()) return;
      }
      place = { path: segment.path, offset };
    }
    if (options.follow !== true || stopped()) return;
    await changed(dir, options.signal);
    if (stopped()) return;
  }
}

async function countRecords(dir: string): Promise<number> {
  const segments = await listSegments(dir);
  const last = segments[segments.length - 1];
  if (last === undefined) return 0;
  let count = last.firstSeq;
  for await (const line of readLines(last.path)) if (line.complete) count++;
  return count;
}

async function changed(dir: string, signal: AbortSignal | undefined): Promise<void> {
  const stop = new AbortController();
  const merged = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
  try {
    const woken = new Promise<void>((resolve) => {
      const watcher = watch(dir, { signal: merged }, () => resolve());
      watcher.on('error', () => resolve());
    });
    await Promise.race([woken, delay(POLL_MS, undefined, { signal: merged })]);
  } catch {
    // Aborted, or the directory can't be watched: the caller looks at the signal and polls on.
  } finally {
    stop.abort();
  }
}
