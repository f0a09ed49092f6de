import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';

export interface ConnectOptions {
  readonly agent?: string;
  readonly server?: string;
  readonly name: string;
  readonly scope: string;
  readonly http?: boolean;
  readonly print?: boolean;
  readonly undo?: boolean;
  readonly yes?: boolean;
  readonly list?: boolean;
  readonly dryRun?: boolean;
}

export function addConnect(program: Command, context: CliContext): void {
  const command = program
    .command('connect')
    .summary('point an MCP client at the gateway; --undo takes it back')
    .description(
      'Shows what would change in the client’s configuration, asks, keeps the original beside the file, and writes it.\n' +
        'By default the client starts `sallyport stdio`, so that no secret stands in its file.\n\n' +
        '  sallyport connect claude-code --agent reader\n' +
        '  sallyport connect cursor --scope project --print\n' +
        '  sallyport connect claude-code --undo',
    )
    .argument('[client]', 'see --list')
    .option('--agent <name>', 'agent that the client acts as')
    .option('--server <name>', 'one server only, under its own tool names')
    .option('--name <name>', 'name of the entry', 'sallyport')
    .option('--scope <scope>', 'user or project', 'user')
    .option('--http', 'write the URL; the client signs in by itself (OAuth)')
    .option('--print', 'print what to enter by hand, and change nothing')
    .option('--dry-run', 'show the difference, and change nothing')
    .option('--undo', 'bring the original back')
    .option('-y, --yes', 'do not ask')
    .option('--list', 'the clients that can be connected');
  context.action<ConnectOptions>(command, async (run, id) => {
    const { runConnect } = await import('./connect.ts');
    return runConnect(run, id);
  });
}
