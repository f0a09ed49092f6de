import type { ErrorRow } from './row.ts';

/** Public error codes of `kernel`. */
export const KERNEL_ERRORS = {
  INTERNAL: {
    status: 500,
    exit: 1,
    message: 'internal fault',
    hint: 'see the log entry with this fault id',
  },
  NOT_CANONICAL: {
    status: 400,
    exit: 1,
    message: 'the value at {path} cannot be written as canonical JSON: {problem}',
    hint: 'send plain JSON values only: finite numbers, well-formed text, arrays and plain objects',
  },
  CONFIG_INVALID: {
    status: 400,
    exit: 2,
    message: '{file}: {problem}',
    hint: 'run `sallyport config check` after the change; `sallyport config schema` prints what is allowed',
  },
  CONFIG_UNTRUSTED: {
    status: 403,
    exit: 2,
    message:
      '{file} merely lies in the current directory, may start programs, and was not accepted',
    hint: 'read it, then name it: `sallyport up --config ./sallyport.yaml`; on a terminal you are asked once',
  },
  CONFIG_SECRET_UNRESOLVED: {
    status: 400,
    exit: 2,
    message: 'the secret reference at {path} could not be read: {problem}',
    hint: 'set the environment variable or create the file, readable by the owner only',
  },
} as const satisfies Record<string, ErrorRow>;
