import type { ErrorRow } from './row.ts';

/** Public error codes of `bus`. */
export const BUS_ERRORS = {} as const satisfies Record<string, ErrorRow>;
