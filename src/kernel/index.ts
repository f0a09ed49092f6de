/** Kernel: what every area stands on. No IO beyond time and randomness, and those are injected. */
export { type Clock, createFakeClock, type FakeClock, systemClock, type Timer } from './clock.ts';
export { AppError, type AppErrorOptions, isAppError } from './errors/app-error.ts';
export type { ErrorRow } from './errors/row.ts';
export { ERROR_TABLE, type ErrorCode } from './errors/table.ts';
export { createIdSource, ID_PREFIXES, type Id, type IdKind, type IdSource, isId } from './ids.ts';
export { createSeededRandom, type Random, systemRandom } from './random.ts';
export { assertNever, err, ok, type Result } from './result.ts';
