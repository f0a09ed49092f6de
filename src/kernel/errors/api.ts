import type { ErrorRow } from './row.ts';

/** Public error codes of `api`. */
export const API_ERRORS = {
  API_UNAUTHENTICATED: {
    status: 401,
    exit: 4,
    message: 'the admin API needs a valid admin token',
    hint: 'the token is in the file admin-token of the data directory; name that directory with --data-dir',
  },
  API_FORBIDDEN: {
    status: 403,
    exit: 4,
    message: 'this caller may not do that: {problem}',
  },
  API_NOT_FOUND: {
    status: 404,
    exit: 1,
    message: 'there is no {what}',
  },
  API_METHOD_NOT_ALLOWED: {
    status: 405,
    exit: 1,
    message: '{method} is not possible here',
  },
  API_INVALID: {
    status: 400,
    exit: 2,
    message: 'the request is not valid: {problem}',
    hint: 'docs/reference/cli.md and the schemas in src/api/contract describe what is expected',
  },
  API_BODY_TOO_LARGE: {
    status: 413,
    exit: 2,
    message: 'the body is larger than {limit} bytes',
  },
  API_BUSY: {
    status: 429,
    exit: 1,
    message: 'too many {what} at once',
    hint: 'retry after a few seconds',
  },
  API_UNREACHABLE: {
    status: 503,
    exit: 5,
    message: 'the gateway at {url} does not answer',
    hint: 'start it with `sallyport up`, or name the data directory of the running one with --data-dir',
  },
  API_TIMEOUT: {
    status: 504,
    exit: 6,
    message: 'the gateway at {url} did not answer within {seconds} s',
    hint: 'see its log; `sallyport doctor` checks the usual causes',
  },
  API_BAD_ANSWER: {
    status: 502,
    exit: 1,
    message: 'the answer of {url} is not one of the admin API: {problem}',
    hint: 'another program may use this port, or the versions of CLI and gateway differ',
  },
} as const satisfies Record<string, ErrorRow>;
