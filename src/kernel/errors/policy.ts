import type { ErrorRow } from './row.ts';

/** Public error codes of `policy`. */
export const POLICY_ERRORS = {
  POLICY_INVALID: {
    status: 400,
    exit: 2,
    message: '{file}:{line}:{column}: {problem}',
    hint: 'the policies in force did not change; `sallyport policy check` lists every problem',
  },
  POLICY_TOO_LARGE: {
    status: 413,
    exit: 2,
    message: 'the policy text has {size} bytes; {limit} are allowed for {what}',
    hint: 'split the policy, or move long lists of values into groups',
  },
  POLICY_TOO_DEEP: {
    status: 400,
    exit: 2,
    message: 'the policy nests brackets or conditions {depth} deep; {limit} are allowed',
    hint: 'split the condition into several policies or several `when` clauses',
  },
  POLICY_DIRECTORY_UNREADABLE: {
    status: 500,
    exit: 2,
    message: 'the policy directory {path} cannot be read: {problem}',
    hint: 'check that it exists and that the gateway may read it; until then every call is denied',
  },
  POLICY_HOST_FAULT: {
    status: 500,
    exit: 1,
    message: "Cedar's own implementation failed: {problem}",
    hint: 'decisions go on with the policies in force; run `sallyport policy check` to find the policy that causes it',
  },
  POLICY_TEST_INVALID: {
    status: 400,
    exit: 2,
    message: '{file}: {problem}',
    hint: 'docs/reference/policy-model.md describes the fields of a policy test',
  },
  POLICY_VERSION_UNKNOWN: {
    status: 404,
    exit: 2,
    message: 'there is no policy version {name}',
    hint: '`sallyport policy versions` lists them; a number, a digest or the version that a decision names will do',
  },
  POLICY_FILES_UNWRITABLE: {
    status: 500,
    exit: 1,
    message: 'the policy files in {path} cannot be replaced: {problem}',
    hint: 'nothing was changed; check that the gateway may write there, or change the files where they come from',
  },
  POLICY_CHANGED_MEANWHILE: {
    status: 409,
    exit: 1,
    message: 'the policies in force have changed since they were looked at',
    hint: 'look at the replay again and repeat the command',
  },
} as const satisfies Record<string, ErrorRow>;
