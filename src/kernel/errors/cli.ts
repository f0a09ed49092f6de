import type { ErrorRow } from './row.ts';

/** Public error codes of `cli`. */
export const CLI_ERRORS = {
} as const satisfies Record<string, ErrorRow>;
