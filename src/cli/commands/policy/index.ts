import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { addPolicyCheck } from './check.ts';
import { addPolicyExplain } from './explain.ts';
import { addPolicyFormat } from './format.ts';
import { addPolicyStatus } from './status.ts';
import { addPolicyTest } from './test.ts';

export function addPolicy(program: Command, context: CliContext): void {
  const noun = program.command('policy').summary('what agents may do');
  addPolicyCheck(noun, context);
  addPolicyTest(noun, context);
  addPolicyExplain(noun, context);
  addPolicyStatus(noun, context);
  addPolicyFormat(noun, context);
}
