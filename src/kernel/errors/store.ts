import type { ErrorRow } from './row.ts';

/** Public error codes of `store`. */
export const STORE_ERRORS = {
  STORE_BAD_VALUE: {
    status: 500,
    exit: 1,
    message: 'parameter {position} cannot be stored: {problem}',
    hint: 'this is a fault of the program; please report it',
  },
  STORE_BAD_STATEMENT: {
    status: 500,
    exit: 1,
    message: 'the statement cannot be run: {problem}',
    hint: 'this is a fault of the program; please report it',
  },
  STORE_UNAVAILABLE: {
    status: 503,
    exit: 2,
    message: 'the built-in database is missing from this Node.js',
    hint: 'run Sallyport with Node.js 24 or later',
  },
  STORE_OPEN_FAILED: {
    status: 503,
    exit: 2,
    message: 'the database at {path} cannot be opened: {problem}',
    hint: 'check that the directory exists, is writable and is on a local disk',
  },
  STORE_CONFLICT: { status: 409, exit: 1, message: 'an entry with the same key exists already' },
  STORE_CONSTRAINT: { status: 409, exit: 1, message: 'the change breaks a rule of the database' },
  STORE_BUSY: {
    status: 503,
    exit: 1,
    message: 'the database is busy',
    hint: 'another process holds it; retry, and see `sallyport doctor` if it stays',
  },
  STORE_FULL: { status: 507, exit: 1, message: 'the disk is full', hint: 'free space and retry' },
  STORE_CORRUPT: {
    status: 500,
    exit: 1,
    message: 'the database file is damaged',
    hint: 'restore a backup, or move the file away and let Sallyport rebuild what it can',
  },
  STORE_TOO_MANY_ROWS: {
    status: 500,
    exit: 1,
    message: 'the query gives more than {limit} rows',
    hint: 'read in pages',
  },
  STORE_TRANSACTION: {
    status: 500,
    exit: 1,
    message: 'the transaction was not used as allowed: {problem}',
    hint: 'this is a fault of the program; please report it',
  },
  STORE_CLOSED: { status: 503, exit: 1, message: 'the database is closed' },
  STORE_FAILED: { status: 500, exit: 1, message: 'the database refused the statement' },
  STORE_MIGRATION_CHANGED: {
    status: 500,
    exit: 2,
    message: 'migration {area} {version} differs from the one this database was made with',
    hint: 'install the release that wrote this database, or restore the backup made before the upgrade',
  },
  STORE_TOO_NEW: {
    status: 500,
    exit: 2,
    message: 'the database was written by a newer release ({area} {version})',
    hint: 'upgrade Sallyport; a downgrade needs the backup made before the upgrade',
  },
  STORE_MIGRATION_FAILED: {
    status: 500,
    exit: 2,
    message: 'migration {area} {version} failed and was undone',
    hint: 'the database is unchanged by it; see the cause in the log',
  },
} as const satisfies Record<string, ErrorRow>;
