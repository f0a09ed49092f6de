import type { ErrorRow } from './row.ts';

/** Public error codes of `audit`. */
export const AUDIT_ERRORS = {
  AUDIT_UNAVAILABLE: {
    status: 503,
    exit: 1,
    message: 'the audit log can not be written: {problem}',
    hint: 'free disk space or repair the disk, then restart; `sallyport audit verify` shows what is on record',
  },
  AUDIT_BACKPRESSURE: {
    status: 503,
    exit: 1,
    message: 'more than {limit} records wait for the disk',
    hint: 'retry after a second; a slow disk is the usual cause',
  },
  AUDIT_LOCKED: {
    status: 409,
    exit: 1,
    message: 'another process (pid {pid}) writes this audit log',
    hint: 'stop it, or give this one its own --data-dir',
  },
  AUDIT_CORRUPT: {
    status: 500,
    exit: 3,
    message: 'the audit log does not verify at record {seq}: {problem}',
    hint: 'keep the directory as evidence, see `sallyport audit verify`, and start with a new audit directory',
  },
  AUDIT_NOT_FOUND: { status: 404, exit: 1, message: 'there is no audit log in {dir}', hint: 'name the data directory with --data-dir' },
  AUDIT_BAD_QUERY: { status: 400, exit: 2, message: 'the query is not valid: {problem}' },
} as const satisfies Record<string, ErrorRow>;
