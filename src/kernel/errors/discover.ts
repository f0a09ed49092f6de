import type { ErrorRow } from './row.ts';

/** Public error codes of `discover`. */
export const DISCOVER_ERRORS = {
  DISCOVER_UNKNOWN_CLIENT: {
    status: 404,
    exit: 2,
    message: 'unknown client {client}{suggestion}',
    hint: '`sallyport connect --list` names the clients that can be connected',
  },
  DISCOVER_UNSUPPORTED: {
    status: 400,
    exit: 2,
    message: '{client} {problem}',
    hint: '`sallyport connect {client} --print` shows what to enter by hand',
  },
  DISCOVER_FILE: {
    status: 400,
    exit: 1,
    message: '{file} cannot be used: {problem}',
    hint: 'nothing was changed; `sallyport connect … --print` shows what to enter by hand',
  },
  DISCOVER_CHANGED: {
    status: 409,
    exit: 1,
    message: '{file} was changed by another program in the meantime',
    hint: 'nothing was written; close the client and run the command again',
  },
  DISCOVER_NOTHING_TO_UNDO: {
    status: 404,
    exit: 1,
    message: '{file} holds nothing that connect wrote',
  },
} as const satisfies Record<string, ErrorRow>;
