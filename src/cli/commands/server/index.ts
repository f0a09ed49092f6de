import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { addServerAdd } from './add.ts';
import { addServerChange } from './change.ts';
import { addServerList, addServerShow } from './list.ts';
import { addServerLogin } from './login.ts';

export function addServer(program: Command, context: CliContext): void {
  const noun = program.command('server').summary('MCP servers behind the gateway');
  addServerList(noun, context);
  addServerShow(noun, context);
  addServerAdd(noun, context);
  addServerLogin(noun, context);
  addServerChange(noun, context, 'remove');
  addServerChange(noun, context, 'enable');
  addServerChange(noun, context, 'disable');
}
