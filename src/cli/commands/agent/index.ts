import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { addAgentChange, addAgentRevoke } from './change.ts';
import { addAgentKey, addAgentToken } from './credentials.ts';
import { addAgentList, addAgentShow } from './list.ts';
import { addAgentRegister } from './register.ts';

export function addAgent(program: Command, context: CliContext): void {
  const noun = program.command('agent').summary('agents and their credentials');
  addAgentList(noun, context);
  addAgentShow(noun, context);
  addAgentRegister(noun, context);
  addAgentKey(noun, context);
  addAgentToken(noun, context);
  for (const verb of ['activate', 'suspend', 'quarantine', 'release', 'retire'] as const)
    addAgentChange(noun, context, verb);
  addAgentRevoke(noun, context);
}
