import type { ErrorRow } from './row.ts';

/** Public error codes of `gateway`. */
export const GATEWAY_ERRORS = {
  GW_MALFORMED: { status: 400, exit: 1, message: 'the message is not valid: {problem}' },
  GW_TOO_LARGE: { status: 413, exit: 1, message: 'the message is larger than {limit} bytes' },
  GW_OVERLOADED: {
    status: 503,
    exit: 1,
    message: 'too many calls in flight',
    hint: 'retry after a second',
  },
  GW_SHUTTING_DOWN: { status: 503, exit: 1, message: 'the gateway is shutting down' },
  GW_NOT_RECORDED: {
    status: 503,
    exit: 1,
    message: 'the decision could not be recorded durably, so the call was not forwarded',
    hint: 'check disk space and permissions of the audit directory; `sallyport doctor` names the cause',
  },
  GW_STEP_FAULT: {
    status: 500,
    exit: 1,
    message: 'a check failed to run, so the call was denied (fault {fault})',
  },
  GW_UPSTREAM_UNAVAILABLE: {
    status: 502,
    exit: 5,
    message: 'server {server} is not available: {problem}',
    hint: 'see `sallyport server show {server}`',
  },
  GW_UPSTREAM_UNAUTHORIZED: {
    status: 502,
    exit: 4,
    message:
      'server {server} wants an authorization that the gateway does not have ({problem}); an operator gives it with `sallyport server login {server}`',
    hint: 'run `sallyport server login {server}` on the machine of the gateway, then repeat the call',
  },
  GW_UPSTREAM_TIMEOUT: {
    status: 504,
    exit: 6,
    message: 'server {server} did not answer within {ms} ms',
  },
  GW_UPSTREAM_LOST: {
    status: 502,
    exit: 5,
    message: 'server {server} went away during the call; it was not repeated',
  },
  GW_UPSTREAM_PROTOCOL: {
    status: 502,
    exit: 1,
    message: 'server {server} broke the protocol: {problem}',
  },
  GW_UPSTREAM_TOO_LARGE: {
    status: 502,
    exit: 1,
    message: 'server {server} answered with more than {limit} bytes',
  },
  GW_CANCELLED: { status: 499, exit: 1, message: 'the caller cancelled the call' },
  GW_CANNOT_ASK: {
    status: 400,
    exit: 1,
    message: 'server {server} asks for {what}, which this client cannot answer',
  },
} as const satisfies Record<string, ErrorRow>;
