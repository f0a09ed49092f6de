import type { ErrorRow } from './row.ts';

/** Public error codes of `identity`. */
export const IDENTITY_ERRORS = {
} as const satisfies Record<string, ErrorRow>;
