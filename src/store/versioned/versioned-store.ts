import { AppError, type Clock, MIB, type Random } from '../../kernel/index.ts';
import type { Queries, Row } from '../db.ts';
import type { Migration } from '../migrate.ts';

/**
 * What belongs to a session or a task: never in the memory of one process alone, since the next
 * request may reach another one. Each entry says whose it is and changes only by comparison.
 */
export interface VersionedEntry {
  readonly key: string;
  /** Opaque: only equality means anything. A key that comes back starts at an unrelated version. */
  readonly version: number;
  /** Who the entry belongs to, such as a principal. Readers compare it before they use the value. */
  readonly owner: string;
  /** Text, usually JSON, at most {@link MAX_ENTRY_LENGTH}. */
  readonly value: string;
  /** Milliseconds since the epoch; from then on the entry does not exist. */
  readonly expiresAt?: number;
}

export type SetResult =
  | { readonly ok: true; readonly version: number }
  /** Somebody else was first; `current` is what is there now, absent when nothing is. */
  | { readonly ok: false; readonly current?: VersionedEntry };

export interface VersionedStore {
  get(key: string): Promise<VersionedEntry | undefined>;
  /**
   * Writes when the entry still has `expectedVersion`; {@link ABSENT} means it must not exist.
   * Of several writers with the same expectation exactly one succeeds, over all processes.
   */
  compareAndSet(
    key: string,
    expectedVersion: number,
    owner: string,
    value: string,
    expiresAt?: number,
  ): Promise<SetResult>;
  /** Removes the entry, with `expectedVersion` only if it still has it; false when nothing was removed. */
  delete(key: string, expectedVersion?: number): Promise<boolean>;
  /** Entries whose key begins with `prefix`, by key, after the key `after`; at most {@link MAX_PAGE}. */
  list(
    prefix: string,
    page?: { readonly after?: string; readonly limit?: number; readonly owner?: string },
  ): Promise<VersionedEntry[]>;
  /** Removes up to `limit` entries that have expired; gives their number. */
  deleteExpired(limit?: number): Promise<number>;
}

/** Expected version of an entry that must not exist yet. */
export const ABSENT = 0;
export const MAX_ENTRY_LENGTH = 1 * MIB;
export const MAX_PAGE = 1000;

const KEY = /^[!-~]{1,512}$/; // printable ASCII sorts alike in every database
const TABLE_NAME = /^[a-z][a-z0-9_]{0,40}$/;

/** The schema of such a table, for the migration list of the area that owns it. */
export function versionedStoreMigration(area: string, version: number, table: string): Migration {
  checkTable(table);
  const sql = `create table ${table} (
  key text primary key,
  version bigint not null,
  owner text not null,
  value text not null,
  expires_at bigint
);
create index ${table}_expiry on ${table} (expires_at);
`;
  return { area, version, sql };
}

export interface VersionedStoreDeps {
  readonly db: Queries;
  readonly table: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** Keys are 1 to 512 printable ASCII characters; anything else throws `STORE_BAD_VALUE`. */
export function createVersionedStore({
  db,
  table,
  clock,
  random,
}: VersionedStoreDeps): VersionedStore {
  checkTable(table);
  const columns = 'key, version, owner, value, expires_at';
  const live = '(expires_at is null or expires_at > ?)';

  const get = async (key: string): Promise<VersionedEntry | undefined> => {
    const row = await db.get<EntryRow>(
      `select ${columns} from ${table} where key = ? and ${live}`,
      [checkKey(key), clock.now()],
    );
    return row === undefined ? undefined : toEntry(row);
  };

  return {
    get,
    async compareAndSet(key, expectedVersion, owner, value, expiresAt) {
      checkKey(key);
      if (value.length > MAX_ENTRY_LENGTH)
        throw bad(`the value is longer than ${MAX_ENTRY_LENGTH}`);
      const now = clock.now();
      const expiry = expiresAt ?? null;
      const row =
        expectedVersion === ABSENT
          ? await db.get<{ version: number }>(
              // An expired row counts as absent, so it may be written over.
              `insert into ${table} (${columns}) values (?, ?, ?, ?, ?)
               on conflict (key) do update set version = excluded.version, owner = excluded.owner,
                 value = excluded.value, expires_at = excluded.expires_at
               where ${table}.expires_at <= ?
               returning version`,
              [key, firstVersion(random), owner, value, expiry, now],
            )
          : await db.get<{ version: number }>(
              `update ${table} set version = version + 1, owner = ?, value = ?, expires_at = ?
               where key = ? and version = ? and ${live} returning version`,
              [owner, value, expiry, key, expectedVersion, now],
            );
      if (row !== undefined) return { ok: true, version: row.version };
      const current = await get(key);
      return current === undefined ? { ok: false } : { ok: false, current };
    },
    async delete(key, expectedVersion) {
      checkKey(key);
      const now = clock.now();
      const { changes } =
        expectedVersion === undefined
          ? await db.run(`delete from ${table} where key = ? and ${live}`, [key, now])
          : await db.run(`delete from ${table} where key = ? and version = ? and ${live}`, [
              key,
              expectedVersion,
              now,
            ]);
      return changes > 0;
    },
    async list(prefix, page = {}) {
      if (prefix !== '') checkKey(prefix);
      const limit = Math.min(Math.max(1, Math.trunc(page.limit ?? MAX_PAGE)), MAX_PAGE);
      const ofOwner = page.owner === undefined ? '' : 'and owner = ?';
      const rows = await db.all<EntryRow>(
        `select ${columns} from ${table} where key >= ? and key < ? and key > ? and ${live} ${ofOwner} order by key limit ?`,
        // U+007F follows every character a key may have.
        [
          prefix,
          `${prefix}\x7f`,
          page.after ?? '',
          clock.now(),
          ...(page.owner === undefined ? [] : [page.owner]),
          limit,
        ],
      );
      return rows.map(toEntry);
    },
    async deleteExpired(limit = MAX_PAGE) {
      const { changes } = await db.run(
        `delete from ${table} where key in (select key from ${table} where expires_at <= ? order by expires_at limit ?)`,
        [clock.now(), limit],
      );
      return changes;
    },
  };
}

interface EntryRow extends Row {
  readonly key: string;
  readonly version: number;
  readonly owner: string;
  readonly value: string;
  readonly expires_at: number | null;
}

function toEntry(row: EntryRow): VersionedEntry {
  const { key, version, owner, value, expires_at } = row;
  return { key, version, owner, value, ...(expires_at === null ? {} : { expiresAt: expires_at }) };
}

/** A random start: a stale version of an earlier life of the key does not fit the new one. */
function firstVersion(random: Random): number {
  let version = 1;
  for (const byte of random.bytes(6)) version = version * 256 + byte;
  return version;
}

function checkKey(key: string): string {
  if (!KEY.test(key)) throw bad('keys are 1 to 512 printable ASCII characters');
  return key;
}

function checkTable(table: string): void {
  if (!TABLE_NAME.test(table)) throw new Error(`table name ${table} is not allowed`);
}

function bad(problem: string): AppError {
  return new AppError('STORE_BAD_VALUE', { params: { position: 0, problem } });
}
