import { AppError, type ErrorCode, isAppError } from '../../kernel/index.ts';

/** Primary result codes of SQLite (sqlite.org/rescode.html). */
const BUSY = 5;
const LOCKED = 6;
const CORRUPT = 11;
const FULL = 13;
const CONSTRAINT = 19;
const NOT_A_DATABASE = 26;
const CONSTRAINT_UNIQUE = 2067;
const CONSTRAINT_PRIMARY_KEY = 1555;

/** True when the database did nothing because somebody else holds the lock: safe to repeat. */
export function isBusy(error: unknown): boolean {
  const primary = errcode(error) & 0xff;
  return primary === BUSY || primary === LOCKED;
}

/** The public form; the original stays inside as the cause. */
export function toStoreError(error: unknown): AppError {
  if (isAppError(error)) return error;
  return new AppError(codeOf(errcode(error)), { cause: error });
}

function codeOf(code: number): ErrorCode {
  if (code === CONSTRAINT_UNIQUE || code === CONSTRAINT_PRIMARY_KEY) return 'STORE_CONFLICT';
  switch (code & 0xff) {
    case CONSTRAINT:
      return 'STORE_CONSTRAINT';
    case BUSY:
    case LOCKED:
      return 'STORE_BUSY';
    case FULL:
      return 'STORE_FULL';
    case CORRUPT:
    case NOT_A_DATABASE:
      return 'STORE_CORRUPT';
    default:
      return 'STORE_FAILED';
  }
}

function errcode(error: unknown): number {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code : 0;
}
