/** The tamper-evident record: hash-chained segments, durable before anything is acted on. */
export {
  type BodyStore,
  type BodyStoreOptions,
  createBodyStore,
  type StoredBody,
} from './bodies/create-body-store.ts';
export { type Head, type HeadReading, readHead } from './format/head.ts';
export type { AuditSigner } from './format/statements.ts';
export type {
  AuditActor,
  AuditReceipt,
  AuditRecord,
  AuditType,
  AuditUrgency,
  AuditWriter,
} from './model.ts';
export type { AuditFile, AuditFs, IndexDb } from './ports.ts';
export {
  type AuditIndex,
  type AuditIndexDeps,
  type AuditQueryResult,
  createAuditIndex,
} from './query/create-audit-index.ts';
export { type AuditFilter, type AuditPage, MAX_PAGE } from './query/filter.ts';
export { AUDIT_MIGRATIONS } from './query/migrations.ts';
export { type ReadAuditOptions, readAudit, type StoredRecord } from './read/read-audit.ts';
export type {
  VerifyOptions,
  VerifyProblem,
  VerifyProblemKind,
  VerifyProgress,
  VerifyReport,
  VerifyStep,
} from './verify/problem.ts';
export { verifyAudit, verifyAuditSteps } from './verify/verify-audit.ts';
export {
  type AuditLog,
  type AuditLogOptions,
  type AuditStats,
  createAuditLog,
  HEAD_INTERVAL_MS,
  openAuditLog,
  SEGMENT_BYTES,
} from './write/create-audit-log.ts';
export { type AuditKey, openSigningKey, PUBLIC_KEY_FILE } from './write/open-key.ts';
