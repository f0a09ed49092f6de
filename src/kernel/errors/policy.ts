import type { ErrorRow } from './row.ts';

/** Public error codes of `policy`. */
export const POLICY_ERRORS = {
} as const satisfies Record<string, ErrorRow>;
