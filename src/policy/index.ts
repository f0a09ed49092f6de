/** Policy: what an agent may do, as Cedar policies over a schema made from the servers' tools. */
export { type CedarHost, type CedarHostDeps, createCedarHost } from './host/create-cedar-host.ts';
export {
  createReferee,
  type Referee,
  type RefereeDifference,
  type RefereeStatus,
} from './host/create-referee.ts';
export type { PolicyState, PolicyStatus } from './loader/check-report.ts';
export type { PolicyFile, PolicyProblem } from './loader/policy-source.ts';
export { type PolicyDirectory, readPolicyDirectory } from './loader/read-directory.ts';
export { readEffects } from './loader/read-effects.ts';
export {
  type DirectoryWatch,
  type WatchDeps,
  watchPolicyDirectory,
} from './loader/watch-directory.ts';
export type {
  ActionKind,
  ActionRequest,
  AgentFacts,
  Decision,
  Effect,
  JsonValue,
  PolicyDecisionPoint,
  Reason,
  ToolDefinition,
} from './model.ts';
export {
  ANY,
  conditionText,
  type PreviewCondition,
  type PreviewedItem,
  type PreviewItem,
  previewAgent,
} from './preview/preview-agent.ts';
export { createReplay, type Replay } from './replay/create-replay.ts';
export { kindOfMethod } from './replay/kind-of-method.ts';
export type {
  FlipDirection,
  FlipExample,
  FlipGroup,
  RecordedCall,
  ReplayReport,
  UnknownGroup,
  Unreplayable,
} from './replay/model.ts';
export { type DecisionRecord, type ReadRecordDeps, readRecord } from './replay/read-record.ts';
export { type ReplayDeps, type ReplayFilter, replayHistory } from './replay/replay-history.ts';
export { EFFECT_GROUPS, type EffectGroup, type ServerEffects } from './schema/effect-group.ts';
export { decodeName, encodeName } from './schema/encode-name.ts';
export { ROOT_SCHEMA } from './schema/root-schema.ts';
export type { SchemaFinding } from './schema/server-schema.ts';
export { createPolicyService } from './service/create-policy-service.ts';
export type {
  ExplainedCondition,
  ExplainedMiss,
  ExplainedPolicy,
  ExplainedValue,
  PolicyDraft,
  PolicyExplanation,
  PolicyReport,
  PolicyService,
  PolicyServiceDeps,
  PolicyServiceStatus,
  PolicySetChange,
  PolicySnapshot,
} from './service/model.ts';
export { junitXml } from './testing/junit-xml.ts';
export {
  type PolicyTestRun,
  runPolicyTests,
  type TestCaseResult,
  type TestFileResult,
} from './testing/run-policy-tests.ts';
export {
  type ChangePoliciesDeps,
  createPolicyChanger,
  type DraftFacts,
  type PolicyChanged,
  type PolicyChanger,
} from './versions/change-policies.ts';
export {
  compareSets,
  type DifferenceSummary,
  type PolicyRef,
  type SetDifference,
} from './versions/compare-sets.ts';
export {
  createPolicyVersions,
  type PolicyVersions,
  type VersionsDeps,
} from './versions/create-versions.ts';
export { POLICY_MIGRATIONS } from './versions/migrations.ts';
export type {
  ChangeCause,
  PolicyFiles,
  PolicyVersionEntry,
  VersionsDb,
} from './versions/ports.ts';
export { digestOfSet, directoryOf, type StoredSet, storedSet } from './versions/stored-set.ts';
