import type { ErrorRow } from './row.ts';

/** Public error codes of `cli`. */
export const CLI_ERRORS = {
  CLI_USAGE: {
    status: 400,
    exit: 2,
    message: '{problem}',
    hint: '{hint}',
  },
  CLI_NO_GATEWAY: {
    status: 503,
    exit: 5,
    message: 'no gateway runs on the data directory {dir}',
    hint: 'start one with `sallyport up`, or name another directory with --data-dir',
  },
  CLI_PORT_IN_USE: {
    status: 409,
    exit: 1,
    message: 'another program listens on {address}',
    hint: 'choose another port with --port or --admin-port (0 picks a free one), or stop that program',
  },
  CLI_REASON_REQUIRED: {
    status: 400,
    exit: 2,
    message: '{action} needs a reason',
    hint: 'say why with --reason "…"; it stands in the audit record',
  },
  CLI_SERVER_EXISTS: {
    status: 409,
    exit: 2,
    message: 'a server {name} is configured already',
    hint: 'remove it first with `sallyport server remove {name}`, or choose another name',
  },
  CLI_SERVER_UNKNOWN: {
    status: 404,
    exit: 2,
    message: 'no server {name} is configured',
    hint: 'list them with `sallyport server list`',
  },
  CLI_FILE: {
    status: 400,
    exit: 1,
    message: '{file} cannot be used: {problem}',
  },
  CLI_NO_AGENT_KEY: {
    status: 404,
    exit: 4,
    message: 'there is no key file for agent {agent} in {dir}',
    hint: 'register it with `sallyport agent register {agent} --owner you@example.com`, or make a key with `sallyport agent key {agent}`',
  },
  CLI_DECLINED: {
    status: 409,
    exit: 1,
    message: 'nothing was changed',
    hint: 'agree with y, or give --yes when nobody can answer',
  },
} as const satisfies Record<string, ErrorRow>;
