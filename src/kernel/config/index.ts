/** Configuration: one schema per area gives types, JSON Schema, reference, messages. */
export { describeConfig } from './describe-config.ts';
export type { JsonSchema } from './json-schema.ts';
export type { ConfigLeaf } from './leaves.ts';
export { type ConfigInput, type ConfigProblem, loadConfig } from './load-config.ts';
export { redactConfig } from './redact-config.ts';
export {
  type ConfigOf,
  type ConfigSchema,
  type ConfigSection,
  composeConfig,
  defineSection,
} from './schema.ts';
export { resolveSecret, type SecretRef, type SecretSources, secretRef } from './secret.ts';
export { type Bounds, duration, parseDuration, parseSize, size } from './units.ts';
