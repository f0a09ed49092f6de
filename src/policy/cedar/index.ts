/** The Cedar evaluator: pure, synchronous, refereed by cedar-wasm in the tests. See README.md. */

export type { CompiledPolicy, CompiledTemplate } from './compile-policy.ts';
export { compilePolicy, compileTemplate, linkTemplate } from './compile-policy.ts';
export { Datetime, parseDatetime } from './datetime.ts';
export { Decimal, formatDecimal, parseDecimal } from './decimal.ts';
export { Duration, parseDuration } from './duration.ts';
export {
  type EntityChange,
  type EntityInput,
  type EntityNode,
  EntitySnapshot,
} from './entity-snapshot.ts';
export { type AuthorizeOptions, authorize } from './evaluate.ts';
export {
  type ExplainOptions,
  type Explanation,
  explain,
  type Holding,
  type NearMiss,
} from './explain.ts';
export {
  entityFromCedarJson,
  recordFromCedarJson,
  uidFromCedarJson,
  valueFromCedarJson,
} from './from-cedar-json.ts';
export { IpAddress, parseIpAddress } from './ip-address.ts';
export { lexUnsafeIntegers, maxNesting, type UnsafeInteger } from './lex.ts';
export { type CedarLimits, DEFAULT_LIMITS } from './limits.ts';
export type {
  Authorization,
  CedarRequest,
  PolicyEffect,
  PolicyFailure,
  Problem,
  Snapshot,
} from './model.ts';
export { mayEverAllow, type PartialRequest, type Possibility } from './partial.ts';
export { ANYTHING, OTHER, PartialRecord, type PartialValue, Unknown } from './partial-value.ts';
export { type PolicyChange, PolicySet } from './policy-set.ts';
export {
  fits,
  fittingPolicies,
  mayErrWhenValid,
  type PossiblePolicy,
  possiblePolicies,
  undecidedParts,
} from './possible-policies.ts';
export { renderExpression, renderUid, renderValue } from './render.ts';
export { type ToRecordOptions, toRecord, toValue } from './to-record.ts';
export type { TraceValue, ValuePolicy } from './trace.ts';
export { CedarRecord, CedarSet, EntityUid, OversizeString, type Value } from './values.ts';
