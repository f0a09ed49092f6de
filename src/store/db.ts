/** The SQL port. Shaped so that an embedded and a networked database can both stand behind it. */

/** What may be bound. Booleans are stored as 1 and 0. See `bindValues` for the exact rule. */
export type SqlInput = null | string | number | bigint | boolean | Uint8Array;

/** What comes back. Integers are numbers while they are exact (|n| < 2^53), else bigint. */
export type SqlValue = null | string | number | bigint | Uint8Array;

export type Row = Readonly<Record<string, SqlValue>>;

export type Dialect = 'sqlite' | 'postgres';

/**
 * Statements. Placeholders are plain `?` in order; drivers rewrite them for their dialect. One
 * statement per call. Every driver throws, before its database sees anything:
 * `STORE_BAD_VALUE` for a value outside {@link SqlInput} or a wrong number of values, and
 * `STORE_BAD_STATEMENT` for another placeholder form or several statements.
 * Later: `STORE_CONFLICT` (unique key), `STORE_CONSTRAINT`, `STORE_BUSY`, `STORE_FULL`,
 * `STORE_CORRUPT`, `STORE_FAILED`, `STORE_CLOSED`.
 */
export interface Queries {
  /** Runs a statement for its effect; `changes` counts the rows it inserted, changed or removed. */
  run(sql: string, values?: readonly SqlInput[]): Promise<{ readonly changes: number }>;
  /** The first row, or `undefined`. The row type is the caller's claim about its own SQL. */
  get<R extends Row = Row>(sql: string, values?: readonly SqlInput[]): Promise<R | undefined>;
  /** All rows; `STORE_TOO_MANY_ROWS` beyond {@link MAX_ROWS}. Page by key instead of offset. */
  all<R extends Row = Row>(sql: string, values?: readonly SqlInput[]): Promise<R[]>;
  /** Runs a script of several statements without values; for migrations only. */
  script(sql: string): Promise<void>;
}

export interface Db extends Queries {
  readonly dialect: Dialect;
  /**
   * Runs `body` in one write transaction: all of it becomes durable when the promise resolves, none
   * of it when it rejects. Inside, use `tx` alone; the outer `Db` throws `STORE_TRANSACTION`, since
   * it would wait for itself. Must not wait for the network: others queue behind it, and it is
   * rolled back with `STORE_TRANSACTION` after {@link MAX_TRANSACTION_MS}.
   */
  transaction<T>(body: (tx: Queries) => Promise<T>): Promise<T>;
  /** Waits for what is running, then closes. Later calls throw `STORE_CLOSED`. */
  close(): Promise<void>;
}

export const MAX_ROWS = 100_000;
export const MAX_TRANSACTION_MS = 10_000;
