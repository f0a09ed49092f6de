/** Kernel: what every area stands on. No IO beyond time, randomness and the log, all injected. */
export { canonicalJson } from './canonical-json.ts';
export { CellMap } from './cell-map.ts';
export { type Clock, createFakeClock, type FakeClock, systemClock, type Timer } from './clock.ts';
export {
  type Bounds,
  type ConfigInput,
  type ConfigLeaf,
  type ConfigOf,
  type ConfigProblem,
  type ConfigSchema,
  type ConfigSection,
  composeConfig,
  defineSection,
  describeConfig,
  duration,
  type JsonSchema,
  loadConfig,
  parseDuration,
  parseSize,
  redactConfig,
  resolveSecret,
  type SecretRef,
  type SecretSources,
  secretRef,
  size,
} from './config/index.ts';
export { suggest } from './config/suggest.ts';
export { AppError, type AppErrorOptions, isAppError } from './errors/app-error.ts';
export type { ErrorRow } from './errors/row.ts';
export { ERROR_TABLE, type ErrorCode } from './errors/table.ts';
export { sha256Base64Url, sha256Hex, timingSafeEqualText } from './hash.ts';
export { createIdSource, ID_PREFIXES, type Id, type IdKind, type IdSource, isId } from './ids.ts';
export {
  DAY_MS,
  HOUR_MS,
  KIB,
  MAX_BUS_PAYLOAD_BYTES,
  MAX_CANONICAL_LENGTH,
  MAX_CONFIG_BYTES,
  MAX_JSON_DEPTH,
  MAX_SECRET_BYTES,
  MIB,
  MINUTE_MS,
  SECOND_MS,
} from './limits.ts';
export {
  createLogger,
  createNullLogger,
  LOG_LEVELS,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  type LogMethod,
} from './logger.ts';
export { createSeededRandom, type Random, systemRandom } from './random.ts';
export { isSecretName, REDACTED, redactForLog, redactText } from './redact.ts';
export { assertNever, err, ok, type Result } from './result.ts';
export { Roster, type Rostered } from './roster.ts';
