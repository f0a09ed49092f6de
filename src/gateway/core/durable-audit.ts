import type { AuditWriter } from '../../audit/index.ts';
import { AppError } from '../../kernel/index.ts';

/**
 * The audit log as the core uses it: whatever keeps a record from becoming durable is `GW_NOT_RECORDED` to callers, and
 * the log's own code and words stay inside (as the cause).
 */
export function durableAudit(audit: AuditWriter): AuditWriter {
  return {
    append: (record, urgency) =>
      audit.append(record, urgency).catch((cause: unknown) => {
        throw new AppError('GW_NOT_RECORDED', { cause });
      }),
  };
}
