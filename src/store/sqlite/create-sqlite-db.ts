import { AsyncLocalStorage } from 'node:async_hooks';
import { resolve } from 'node:path';
import { AppError, type Clock } from '../../kernel/index.ts';
import { type Db, MAX_TRANSACTION_MS, type Queries } from '../db.ts';
import { createTurnstile } from '../turnstile.ts';
import { type Connection, createConnection } from './connection.ts';
import { preparePrivateFile } from './open-file.ts';
import { isBusy, toStoreError } from './sqlite-error.ts';

export interface SqliteOptions {
  /** A file on a local disk, or `:memory:`. */
  readonly path: string;
  readonly clock: Clock;
  /** Longest wait for a lock that another process holds, in ms. */
  readonly busyMs?: number;
}

/** SQLite itself waits this long, which stops the event loop; longer waits are ours and do not. */
const BLOCKING_WAIT_MS = 20;
const RETRY_MS = 25;
const DEFAULT_BUSY_MS = 5000;

/**
 * SQLite through `node:sqlite`. Durable when a promise resolves, against a crash and a loss of power
 * (WAL with `synchronous=FULL`, plus a full flush on macOS), as far as the disk tells the truth.
 * Several processes may share the file. The file has mode 0600.
 *
 * @throws AppError `STORE_UNAVAILABLE`, `STORE_OPEN_FAILED`, `STORE_CORRUPT`
 */
export async function createSqliteDb(options: SqliteOptions): Promise<Db> {
  const { clock, busyMs = DEFAULT_BUSY_MS } = options;
  const connection = await open(options.path);
  const turnstile = createTurnstile();
  const inside = new AsyncLocalStorage<{ open: boolean }>();
  let closed = false;

  const attempt = async <T>(work: () => T): Promise<T> => {
    const deadline = clock.monotonic() + busyMs;
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error) || clock.monotonic() >= deadline) throw toStoreError(error);
      }
      await new Promise<void>((wake) => clock.setTimeout(wake, RETRY_MS));
    }
  };
  const enter = <T>(work: () => Promise<T>): Promise<T> => {
    if (closed) return Promise.reject(new AppError('STORE_CLOSED'));
    if (inside.getStore()?.open === true)
      return Promise.reject(misuse('the outer database was used inside of it'));
    return turnstile.enter(work);
  };

  const transact = async <T>(body: (tx: Queries) => Promise<T>): Promise<T> => {
    await attempt(() => connection.script('begin immediate'));
    const scope = { open: true };
    let problem: string | undefined;
    const end = (): void => {
      scope.open = false;
      problem = 'it has ended';
    };
    const tx = queries(connection, async (work) => {
      if (problem !== undefined) throw misuse(problem);
      try {
        return work();
      } catch (error) {
        throw toStoreError(error);
      }
    });
    let timer: { cancel(): void } | undefined;
    const tooLong = new Promise<never>((_resolve, reject) => {
      timer = clock.setTimeout(
        () => reject(misuse(`it took longer than ${MAX_TRANSACTION_MS} ms`)),
        MAX_TRANSACTION_MS,
      );
    });
    try {
      const value = await Promise.race([inside.run(scope, body, tx), tooLong]);
      end();
      if (!connection.inTransaction()) throw misuse('a statement ended it');
      // A commit that meets a busy checkpoint leaves the transaction open, so it may be repeated.
      await attempt(() => connection.script('commit'));
      return value;
    } catch (error) {
      end();
      rollBack(connection);
      throw error;
    } finally {
      timer?.cancel();
    }
  };

  return {
    dialect: 'sqlite',
    ...queries(connection, (work) => enter(() => attempt(() => alone(connection, work)))),
    transaction: (body) => enter(() => transact(body)),
    async close() {
      if (closed) return;
      const end = enter(async () => connection.close());
      closed = true;
      await end;
    },
  };
}

/** A statement outside of a transaction commits by itself; one that would not is undone. */
function alone<T>(connection: Connection, work: () => T): T {
  // A rollback that failed earlier must not turn later writes into parts of a lost transaction.
  rollBack(connection);
  if (connection.inTransaction()) throw new AppError('STORE_FAILED');
  const value = work();
  if (!connection.inTransaction()) return value;
  rollBack(connection);
  throw misuse('a statement opened one by itself');
}

function rollBack(connection: Connection): void {
  try {
    if (connection.inTransaction()) connection.script('rollback');
  } catch {
    // `alone` and `begin` notice that it is still open.
  }
}

function misuse(problem: string): AppError {
  return new AppError('STORE_TRANSACTION', { params: { problem } });
}

function queries(connection: Connection, schedule: <T>(work: () => T) => Promise<T>): Queries {
  return {
    run: (sql, values = []) => schedule(() => connection.run(sql, values)),
    get: <R>(sql: string, values: readonly never[] = []) =>
      schedule(() => connection.all(sql, values, 1)[0] as R | undefined),
    all: <R>(sql: string, values: readonly never[] = []) =>
      schedule(() => connection.all(sql, values, Number.POSITIVE_INFINITY) as R[]),
    script: (sql) => schedule(() => connection.script(sql)),
  } as Queries;
}

async function open(path: string): Promise<Connection> {
  let sqlite: typeof import('node:sqlite');
  try {
    sqlite = await import('node:sqlite');
  } catch (cause) {
    throw new AppError('STORE_UNAVAILABLE', { cause });
  }
  const inMemory = path === ':memory:';
  // An absolute path cannot be taken for a `file:` URI, whose parameters would change how it opens.
  const location = inMemory ? path : resolve(path);
  try {
    if (!inMemory) preparePrivateFile(location);
    const database = new sqlite.DatabaseSync(location, {
      timeout: BLOCKING_WAIT_MS,
      enableForeignKeyConstraints: true,
      enableDoubleQuotedStringLiterals: false,
      allowExtension: false,
      defensive: true,
    });
    try {
      configure(database, inMemory);
    } catch (error) {
      database.close();
      throw error;
    }
    return createConnection(database);
  } catch (cause) {
    const known = toStoreError(cause);
    if (known.code === 'STORE_CORRUPT') throw known;
    const code = (cause as { code?: unknown } | null)?.code;
    const problem = typeof code === 'string' && code !== 'ERR_SQLITE_ERROR' ? code : known.message;
    throw new AppError('STORE_OPEN_FAILED', { params: { path, problem }, cause });
  }
}

function configure(database: import('node:sqlite').DatabaseSync, inMemory: boolean): void {
  database.exec(
    'pragma trusted_schema = off; pragma temp_store = memory; pragma journal_size_limit = 67108864',
  );
  database.exec(
    'pragma synchronous = full; pragma fullfsync = on; pragma checkpoint_fullfsync = on',
  );
  const mode = database.prepare('pragma journal_mode = wal').get()?.['journal_mode'];
  const level = database.prepare('pragma synchronous').get()?.['synchronous'];
  // Some file systems cannot hold a WAL; SQLite then keeps the old mode without an error.
  if (level !== 2 || (!inMemory && mode !== 'wal'))
    throw new Error('write-ahead logging is not possible there');
}
