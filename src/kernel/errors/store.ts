import type { ErrorRow } from './row.ts';

/** Public error codes of `store`. */
export const STORE_ERRORS = {} as const satisfies Record<string, ErrorRow>;
