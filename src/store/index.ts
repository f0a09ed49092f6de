/** SQL drivers behind one port, and what every area builds on them. */
export {
  type Db,
  type Dialect,
  MAX_ROWS,
  MAX_TRANSACTION_MS,
  type Queries,
  type Row,
  type SqlInput,
  type SqlValue,
} from './db.ts';
export { type MigrateResult, type Migration, migrate } from './migrate.ts';
export { readMigrations } from './read-migrations.ts';
export { createSqliteDb, type SqliteOptions } from './sqlite/create-sqlite-db.ts';
export {
  ABSENT,
  createVersionedStore,
  MAX_ENTRY_LENGTH,
  MAX_PAGE,
  type SetResult,
  type VersionedEntry,
  type VersionedStore,
  type VersionedStoreDeps,
  versionedStoreMigration,
} from './versioned/versioned-store.ts';
