import { type Clock, createNullLogger, type Logger, type Timer } from '../../kernel/index.ts';
import { parseFrame } from '../format/frame.ts';
import { readLines } from '../format/read-lines.ts';
import { listSegments, openSegment } from '../format/segments.ts';
import type { IndexDb } from '../ports.ts';
import { type ReadCursor, readPlaces, type StoredRecord } from '../read/read-audit.ts';
import { type AuditFilter, type AuditPage, pageQuery } from './filter.ts';
import { insertRows } from './index-rows.ts';
import { readRows } from './read-rows.ts';

export interface AuditIndexDeps {
  /** Directory of the log. It is only read, so the index may live in another process. */
  readonly dir: string;
  /** With `AUDIT_MIGRATIONS` applied. */
  readonly db: IndexDb;
  readonly clock: Clock;
  readonly logger?: Logger;
  /** Time between two looks in the background, in ms; 1000 by default. */
  readonly everyMs?: number;
}

export interface AuditQueryResult {
  readonly records: readonly StoredRecord[];
  /** Give as `after` for the next page; absent on the last. */
  readonly next?: number;
  /** Records before this number are in the index; later ones may be missing from the answer. */
  readonly indexedTo: number;
}

/** Search over the log. The log is the truth: every record returned is read from it and checked. */
export interface AuditIndex {
  /**
   * Brings the index up to the log, also when it is empty or belongs to another log. Calls made
   * meanwhile share the work. Gives the number of the first record that is not in the index.
   */
  catchUp(): Promise<number>;
  /** Catches up, then searches. Rejects with `AUDIT_BAD_QUERY` or `AUDIT_CORRUPT`. */
  query(filter?: AuditFilter, page?: AuditPage): Promise<AuditQueryResult>;
  get(seq: number): Promise<StoredRecord | undefined>;
  /** Catches up in the background from now on; never on the path of an append. */
  start(): void;
  stop(): Promise<void>;
}

/** Rows per transaction: the database of one process works on the event loop, so it must be short. */
const ROWS_PER_TURN = 100;

export function createAuditIndex(deps: AuditIndexDeps): AuditIndex {
  const { dir, db, clock, logger = createNullLogger(), everyMs = 1000 } = deps;
  let running: Promise<number> | undefined;
  let timer: Timer | undefined;
  let stopping = new AbortController();
  let started = false;

  /** Where the next line begins; unknown until the index was compared with the log. */
  let cursor: ReadCursor | undefined;

  const work = async (signal: AbortSignal): Promise<number> => {
    const first = cursor === undefined ? await firstHash(dir) : undefined;
    if (cursor === undefined && first === undefined) return 0;
    if (first !== undefined) cursor = await resumeAt(first);
    try {
      for await (const block of readPlaces(dir, {
        signal,
        ...(cursor === undefined ? {} : { cursor }),
      })) {
        for (let at = 0; at < block.records.length; at += ROWS_PER_TURN) {
          const rows = block.records.slice(at, at + ROWS_PER_TURN);
          await db.transaction((tx) => insertRows(tx, rows));
          // The gateway's own work goes first.
          await new Promise((resolve) => setImmediate(resolve));
        }
        cursor = block.cursor;
      }
    } catch (error) {
      cursor = undefined;
      throw error;
    }
    return cursor?.next ?? 0;
  };

  /** Behind the last row; empties an index of another log, or of a log replaced by an older copy. */
  const resumeAt = async (first: string): Promise<ReadCursor | undefined> => {
    const [state] = await db.all('select first_hash from audit_index where id = 1');
    const [last] = await db.all(
      'select seq, hash, segment, place, bytes from audit_records order by seq desc limit 1',
    );
    if (state?.['first_hash'] === first) {
      if (last === undefined) return undefined;
      const [record] = await readRows(dir, [last]).catch(() => []);
      if (record !== undefined)
        return {
          segment: Number(last['segment']),
          offset: Number(last['place']) + Number(last['bytes']) + 1,
          next: record.seq + 1,
          tip: record.hash,
        };
    }
    if (state !== undefined || last !== undefined)
      logger.warn('the audit index does not fit the log and is built again');
    await db.transaction(async (tx) => {
      await tx.run('delete from audit_records');
      await tx.run('delete from audit_index');
      await tx.run('insert into audit_index (id, first_hash) values (1, ?)', [first]);
    });
    return undefined;
  };

  const catchUp = (): Promise<number> => {
    running ??= work(stopping.signal).finally(() => {
      running = undefined;
    });
    return running;
  };

  const arm = (): void => {
    if (!started) return;
    timer = clock.setTimeout(() => {
      catchUp()
        .catch((error: unknown) => logger.error({ err: error }, 'the audit index fell behind'))
        .finally(arm);
    }, everyMs);
  };

  return {
    catchUp,
    async query(filter = {}, page = {}) {
      const { sql, values, limit } = pageQuery(filter, page);
      const indexedTo = await catchUp();
      const rows = await db.all(sql, values);
      const records = await readRows(dir, rows.slice(0, limit));
      const last = records.at(-1);
      return {
        records,
        indexedTo,
        ...(rows.length > limit && last !== undefined ? { next: last.seq } : {}),
      };
    },
    async get(seq) {
      if (!Number.isSafeInteger(seq) || seq < 0) return undefined;
      await catchUp();
      const rows = await db.all(
        'select seq, hash, segment, place, bytes from audit_records where seq = ?',
        [seq],
      );
      return (await readRows(dir, rows))[0];
    },
    start() {
      if (started) return;
      started = true;
      stopping = new AbortController();
      arm();
    },
    async stop() {
      started = false;
      timer?.cancel();
      stopping.abort();
      await running?.catch(() => {});
      stopping = new AbortController();
    },
  };
}

/** Hash of the first line: it holds the chain's name and key, so no other log has the same. */
async function firstHash(dir: string): Promise<string | undefined> {
  const [first] = await listSegments(dir);
  const handle = first === undefined ? undefined : await openSegment(first.path);
  if (handle === undefined) return undefined;
  try {
    for await (const [line] of readLines(handle))
      return line?.form === 'whole' ? parseFrame(line.bytes)?.hash : undefined;
    return undefined;
  } finally {
    await handle.close();
  }
}
