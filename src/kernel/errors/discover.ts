import type { ErrorRow } from './row.ts';

/** Public error codes of `discover`. */
export const DISCOVER_ERRORS = {
} as const satisfies Record<string, ErrorRow>;
