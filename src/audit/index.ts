/** The tamper-evident record: hash-chained segments, durable before anything is acted on. */
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
export type { AuditFile, AuditFs } from './ports.ts';
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
