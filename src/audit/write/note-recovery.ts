import type { Clock, Logger } from '../../kernel/index.ts';
import type { AuditWriter } from '../model.ts';
import type { Resume } from './recover.ts';

/** What happened to the log is in the log: a run that did not close it, a tail that was set aside. */
export async function noteRecovery(
  resume: Resume,
  writer: AuditWriter,
  clock: Clock,
  logger: Logger,
): Promise<void> {
  if (resume.unclean === undefined && resume.torn === undefined) return;
  const detail = {
    reason: 'the log was not closed by its last run',
    recovered: resume.nextSeq,
    signedThrough: resume.unclean?.signedThrough,
    ...(resume.torn === undefined ? {} : { torn: resume.torn }),
  };
  logger.warn(detail, 'the audit log was recovered');
  await writer.append({
    type: 'fault',
    time: clock.now(),
    actor: { agent: '', agentId: '', owner: '', channel: 'system' },
    target: 'audit',
    effect: 'recovered',
    detail,
  });
}
