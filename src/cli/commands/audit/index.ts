import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { addAuditExport, addAuditQuery } from './query.ts';
import { addAuditTail } from './tail.ts';
import { addAuditVerify } from './verify.ts';

export function addAudit(program: Command, context: CliContext): void {
  const noun = program.command('audit').summary('the tamper-evident record');
  addAuditTail(noun, context);
  addAuditQuery(noun, context);
  addAuditVerify(noun, context);
  addAuditExport(noun, context);
}
