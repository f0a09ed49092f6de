/** The tamper-evident record: hash-chained segments, durable before anything is acted on. */
export {
  type AuditLog,
  type AuditLogOptions,
  HEAD_INTERVAL_MS,
  openAuditLog,
  SEGMENT_BYTES,
} from './audit-log.ts';
export type { Head } from './head.ts';
export { readHead, verifyHead } from './head.ts';
export type { StoredRecord } from './line.ts';
export type {
  AuditActor,
  AuditReceipt,
  AuditRecord,
  AuditType,
  AuditUrgency,
  AuditWriter,
} from './model.ts';
export type { AppendFile, AuditFs, HeadSigner } from './ports.ts';
export { readAudit } from './read-audit.ts';
export { openSigningKey, PUBLIC_KEY_FILE } from './signing-key.ts';
export { type VerifyProblem, type VerifyReport, verifyAudit } from './verify.ts';
