import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { AppError } from '../../kernel/index.ts';
import { bindValues } from '../bind-values.ts';
import { MAX_ROWS, type Row, type SqlInput, type SqlValue } from '../db.ts';
import { firstWords, readStatement } from '../statement.ts';

const MAX_CACHED_STATEMENTS = 256;

/** Synchronous statements on one connection, behind the seam rule and a statement cache. */
export interface Connection {
  run(sql: string, values: readonly SqlInput[]): { readonly changes: number };
  all(sql: string, values: readonly SqlInput[], limit: number): Row[];
  script(sql: string): void;
  /** True while a transaction is open. */
  inTransaction(): boolean;
  close(): void;
}

interface Prepared {
  readonly statement: StatementSync;
  readonly parameters: number;
  readonly isSelect: boolean;
}

export function createConnection(database: DatabaseSync): Connection {
  const cache = new Map<string, Prepared>();
  const prepare = (sql: string): Prepared => {
    let entry = cache.get(sql);
    if (entry === undefined) {
      const { parameters } = readStatement(sql);
      const statement = database.prepare(sql);
      statement.setReadBigInts(true);
      entry = { statement, parameters, isSelect: firstWords(sql)[0] === 'select' };
      const [oldest] = cache.keys();
      if (cache.size >= MAX_CACHED_STATEMENTS && oldest !== undefined) cache.delete(oldest);
    } else {
      cache.delete(sql); // put back at the end: the front is the least recently used
    }
    cache.set(sql, entry);
    return entry;
  };
  return {
    run(sql, values) {
      const { statement, parameters } = prepare(sql);
      return { changes: Number(statement.run(...bindValues(values, parameters)).changes) };
    },
    all(sql, values, limit) {
      const { statement, parameters, isSelect } = prepare(sql);
      const rows: Row[] = [];
      for (const row of statement.iterate(...bindValues(values, parameters))) {
        if (rows.length >= MAX_ROWS)
          throw new AppError('STORE_TOO_MANY_ROWS', { params: { limit: MAX_ROWS } });
        rows.push(toRow(row));
        // A write with `returning` commits at its end: stopping early would hide a failed commit.
        if (isSelect && rows.length >= limit) break;
      }
      return rows;
    },
    script: (sql) => database.exec(sql),
    inTransaction: () => database.isTransaction,
    close: () => database.close(),
  };
}

function toRow(raw: Record<string, unknown>): Row {
  const row: Record<string, SqlValue> = {};
  for (const [name, value] of Object.entries(raw)) row[name] = toValue(value);
  return row;
}

function toValue(value: unknown): SqlValue {
  if (typeof value !== 'bigint') return value as SqlValue;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
