import type { Command } from 'commander';
import { AppError } from '../../../kernel/index.ts';
import { type CliContext, usage } from '../../context.ts';
import { editConfig } from '../../edit-config.ts';
import { type AddOptions, serverEntry } from './entry.ts';
import { reloadAndWait } from './reload.ts';

const collect = (value: string, before: string[] | undefined): string[] => [
  ...(before ?? []),
  value,
];

export function addServerAdd(noun: Command, context: CliContext): void {
  const command = noun
    .command('add')
    .summary('put an MCP server behind the gateway')
    .description(
      'Adds a server to the configuration and asks a running gateway to take it.\n\n' +
        '  sallyport server add files -- npx -y @modelcontextprotocol/server-filesystem@2026.8.31 ./work\n' +
        '  sallyport server add tickets https://tickets.example.com/mcp --header Authorization=file:token.txt',
    )
    .argument('<name>', 'lower-case letters, digits and hyphens')
    .argument('[target...]', 'URL, or -- and a command with its arguments')
    .option('--env <NAME=env:VAR|file:PATH>', 'environment of a local server', collect)
    .option('--header <NAME=env:VAR|file:PATH>', 'header for a remote server', collect)
    .option('--cwd <dir>', 'working directory of a local server')
    .option('--timeout <duration>', 'longest silence within a call, such as 60s')
    .option('--shared', 'one process for all agents')
    .option('--allow-private', 'permit loopback and private addresses')
    .option('--disabled', 'add it without serving it');
  context.action<AddOptions>(command, async (run, name = '', ...target) => {
    const words = target.filter((word) => word !== undefined);
    if (words.length === 0)
      throw usage('what the server is was not said', 'give a URL, or -- and a command');
    const entry = serverEntry(words, run.options, run.ports.cwd);
    const edit = await editConfig(run, (document) => {
      if (document.hasIn(['servers', name]))
        throw new AppError('CLI_SERVER_EXISTS', { params: { name } });
      document.setIn(['servers', name], document.createNode(entry));
    });
    const outcome = await reloadAndWait(run, `server add ${name}`, name);
    const { terminal } = run;
    if (terminal.machine) {
      terminal.json({ added: name, ...edit, backup: edit.backup ?? null, ...outcome });
      return outcome.state === 'failed' ? 1 : 0;
    }
    terminal.line(`added ${name} to ${edit.file}`);
    if (outcome.running) terminal.line(`${name} is ${outcome.state}`);
    else terminal.line('no gateway runs now; it is served from the next `sallyport up` on');
    if (outcome.problem !== null) terminal.note(outcome.problem);
    if (outcome.tools !== null)
      terminal.table(
        ['tool', 'description'],
        outcome.tools.map((tool) => [tool.name, tool.description]),
      );
    return outcome.state === 'failed' ? 1 : 0;
  });
}
