import type { ErrorRow } from './row.ts';

/** Public error codes of `identity`. */
export const IDENTITY_ERRORS = {
  IDENTITY_INVALID: {
    status: 400,
    exit: 2,
    message: 'the {field} is not valid: {problem}',
  },
  IDENTITY_UNKNOWN_AGENT: {
    status: 404,
    exit: 4,
    message: 'there is no agent {agent}',
    hint: 'list the registered agents with `sallyport agent list`',
  },
  IDENTITY_UNKNOWN_BLUEPRINT: {
    status: 404,
    exit: 4,
    message: 'there is no blueprint {blueprint}',
    hint: 'blueprints are declared under `blueprints:` in sallyport.yaml',
  },
  IDENTITY_UNKNOWN_CREDENTIAL: {
    status: 404,
    exit: 4,
    message: 'there is no credential {credential}',
    hint: 'list the credentials of an agent with `sallyport agent show`',
  },
  IDENTITY_NAME_TAKEN: {
    status: 409,
    exit: 4,
    message: 'the agent name {name} is or was in use',
    hint: 'names are never given to a second agent, because policies may still mention them; choose another',
  },
  IDENTITY_KEY_TAKEN: {
    status: 409,
    exit: 4,
    message: 'this key is or was the credential of an agent',
    hint: 'make a new key; one key identifies one agent, also after it was revoked',
  },
  IDENTITY_CONFLICT: {
    status: 409,
    exit: 4,
    message: 'agent {agent} was changed by somebody else in the meantime',
    hint: 'read the agent again and repeat the change on what you see',
  },
  IDENTITY_TRANSITION_REFUSED: {
    status: 409,
    exit: 4,
    message: 'agent {agent} is {from} and cannot become {to}',
    hint: 'from {from} it can become: {allowed}',
  },
  IDENTITY_EXPIRED: {
    status: 409,
    exit: 4,
    message: 'agent {agent} has expired',
    hint: 'give it a new expiry date first',
  },
  IDENTITY_LIMIT: {
    status: 409,
    exit: 4,
    message: 'there are already {limit} {what}',
    hint: 'revoke or remove one that is no longer needed',
  },
  IDENTITY_KEY_FILE: {
    status: 500,
    exit: 2,
    message: 'the key file {file} cannot be used: {problem}',
    hint: 'it must be a regular file that only the user running Sallyport can read (mode 0600)',
  },
  IDENTITY_UPSTREAM_LOGIN: {
    status: 409,
    exit: 1,
    message: 'the gateway can not be authorized at server {server}: {problem}',
    hint: 'docs/reference/configuration.md describes servers.{server}.auth',
  },
  IDENTITY_STORED_DAMAGED: {
    status: 500,
    exit: 1,
    message: 'a stored row of {what} cannot be read',
    hint: 'restore the database from a backup; nothing is trusted from a damaged row',
  },
} as const satisfies Record<string, ErrorRow>;
