import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { addPolicyApply } from './apply.ts';
import { addPolicyCheck } from './check.ts';
import { addPolicyExplain } from './explain.ts';
import { addPolicyFormat } from './format.ts';
import { addPolicyPreview } from './preview.ts';
import { addPolicyReplay } from './replay.ts';
import { addPolicyStatus } from './status.ts';
import { addPolicyTest } from './test.ts';
import { addPolicyDiff, addPolicyRollback, addPolicyVersions } from './versions.ts';

export function addPolicy(program: Command, context: CliContext): void {
  const noun = program.command('policy').summary('what agents may do');
  addPolicyCheck(noun, context);
  addPolicyTest(noun, context);
  addPolicyExplain(noun, context);
  addPolicyStatus(noun, context);
  addPolicyFormat(noun, context);
  addPolicyPreview(noun, context);
  addPolicyReplay(noun, context);
  addPolicyApply(noun, context);
  addPolicyVersions(noun, context);
  addPolicyDiff(noun, context);
  addPolicyRollback(noun, context);
}
