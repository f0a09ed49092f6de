import { AppError, type Clock, isAppError, sha256Hex } from '../kernel/index.ts';
import type { Db, Queries } from './db.ts';
import { firstWords } from './statement.ts';

/** One step of the schema of one area, for the dialect of the database it is given to. */
export interface Migration {
  readonly area: string;
  /** 1, 2, 3, … within the area, without gaps. */
  readonly version: number;
  readonly sql: string;
}

export interface MigrateResult {
  readonly applied: readonly { readonly area: string; readonly version: number }[];
}

/** Words that would end the transaction around a migration or reach outside of the database. */
const FORBIDDEN = new Set([
  'begin',
  'commit',
  'rollback',
  'savepoint',
  'release',
  'attach',
  'detach',
  'vacuum',
  'pragma',
]);

const TABLE = `create table if not exists schema_migrations (
  area text not null,
  version bigint not null,
  checksum text not null,
  applied_at bigint not null,
  primary key (area, version)
)`;

/**
 * Brings the schema up to the given list; forward only. Each migration is one transaction with its
 * row in `schema_migrations`. Safe to call again and from several processes at once: what another
 * process applied meanwhile is found inside the transaction and skipped.
 *
 * @throws AppError `STORE_MIGRATION_CHANGED` when an applied step has another text now (line ends
 * aside), `STORE_TOO_NEW` when the database has steps this list lacks, `STORE_MIGRATION_FAILED`.
 */
export async function migrate(
  db: Db,
  migrations: readonly Migration[],
  clock: Clock,
): Promise<MigrateResult> {
  checkList(migrations);
  await db.run(TABLE);
  await refuseNewer(db, migrations);
  const applied: { area: string; version: number }[] = [];
  for (const migration of migrations) {
    const { area, version } = migration;
    if (await isApplied(db, migration)) continue;
    try {
      const done = await db.transaction(async (tx) => {
        if (await isApplied(tx, migration)) return false;
        await tx.script(migration.sql);
        await tx.run(
          'insert into schema_migrations (area, version, checksum, applied_at) values (?, ?, ?, ?)',
          [area, version, checksum(migration), clock.now()],
        );
        return true;
      });
      if (done) applied.push({ area, version });
    } catch (cause) {
      if (isAppError(cause) && cause.code === 'STORE_MIGRATION_CHANGED') throw cause;
      throw new AppError('STORE_MIGRATION_FAILED', { params: { area, version }, cause });
    }
  }
  return { applied };
}

function checkList(migrations: readonly Migration[]): void {
  const next = new Map<string, number>();
  for (const { area, version, sql } of migrations) {
    const expected = (next.get(area) ?? 0) + 1;
    if (version !== expected)
      throw new Error(`migrations of ${area}: expected version ${expected}, found ${version}`);
    next.set(area, version);
    const word = firstWords(sql).find((first) => FORBIDDEN.has(first));
    if (word !== undefined) throw new Error(`migration ${area} ${version} must not use ${word}`);
  }
}

async function refuseNewer(db: Queries, migrations: readonly Migration[]): Promise<void> {
  const known = new Set(migrations.map(({ area, version }) => `${area} ${version}`));
  const areas = new Set(migrations.map(({ area }) => area));
  const rows = await db.all<{ area: string; version: number }>(
    'select area, version from schema_migrations order by area, version',
  );
  // An area that this program does not have at all is not ours to judge.
  const newer = rows.find(
    ({ area, version }) => areas.has(area) && !known.has(`${area} ${version}`),
  );
  if (newer !== undefined)
    throw new AppError('STORE_TOO_NEW', { params: { area: newer.area, version: newer.version } });
}

async function isApplied(db: Queries, migration: Migration): Promise<boolean> {
  const { area, version } = migration;
  const row = await db.get<{ checksum: string }>(
    'select checksum from schema_migrations where area = ? and version = ?',
    [area, version],
  );
  if (row === undefined) return false;
  if (row.checksum !== checksum(migration))
    throw new AppError('STORE_MIGRATION_CHANGED', { params: { area, version } });
  return true;
}

function checksum(migration: Migration): string {
  return sha256Hex(migration.sql.replaceAll('\r\n', '\n'));
}
