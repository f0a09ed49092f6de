import type { ErrorRow } from './row.ts';

/** Public error codes of `api`. */
export const API_ERRORS = {
} as const satisfies Record<string, ErrorRow>;
