import type { ErrorRow } from './row.ts';

/** Public error codes of `audit`. */
export const AUDIT_ERRORS = {
  AUDIT_UNAVAILABLE: {
    status: 503,
    exit: 1,
    message: 'the audit log cannot take records: {problem}',
    hint: 'check disk space and permissions of the audit directory, then restart the gateway; until then nothing is forwarded',
  },
  AUDIT_BACKPRESSURE: {
    status: 503,
    exit: 1,
    message: 'too many records wait for the disk',
    hint: 'retry after a second; if it stays, the disk of the audit directory is too slow',
  },
  AUDIT_LOCKED: {
    status: 409,
    exit: 1,
    message: 'another process writes to this audit log{owner}',
    hint: 'stop the other gateway, or give this one its own --data-dir',
  },
  AUDIT_CORRUPT: {
    status: 500,
    exit: 3,
    message: 'the audit log is damaged: {problem}',
    hint: 'run `sallyport audit verify`; keep the directory as evidence, move it away, and start with a new one',
  },
  AUDIT_NOT_FOUND: {
    status: 404,
    exit: 1,
    message: 'there is no audit log in {dir}',
    hint: 'name the data directory with --data-dir',
  },
  AUDIT_KEY_MISMATCH: {
    status: 500,
    exit: 2,
    message: 'the audit log was begun with another key ({expected}, not {found})',
    hint: 'restore the key file of this log, or move the log away and start with a new one',
  },
  AUDIT_KEY_FILE: {
    status: 500,
    exit: 2,
    message: 'the audit key file {file} cannot be used: {problem}',
    hint: 'it must be a regular file with an Ed25519 key that only the user running Sallyport can read (mode 0600)',
  },
  AUDIT_BAD_QUERY: {
    status: 400,
    exit: 2,
    message: 'the audit query is not valid: {problem}',
  },
  AUDIT_BODY_TOO_LARGE: {
    status: 413,
    exit: 1,
    message: 'the body has {size} bytes; {limit} are kept at most',
  },
  AUDIT_BODY_DAMAGED: {
    status: 500,
    exit: 1,
    message: 'the stored body {digest} is not what was recorded',
    hint: 'somebody changed the file, or the disk did; the audit record still holds the true digest',
  },
} as const satisfies Record<string, ErrorRow>;
