import type { ErrorRow } from './row.ts';

/** Public error codes of `audit`. */
export const AUDIT_ERRORS = {
} as const satisfies Record<string, ErrorRow>;
