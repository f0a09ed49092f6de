import { Command } from 'commander';
import { addUp } from './commands/up.ts';
import type { CliContext } from './context.ts';

/** The whole grammar: `sallyport <noun> <verb>`, few words at the top. */
export function createProgram(context: CliContext): Command {
  const { ports } = context;
  const program = new Command('sallyport');
  program
    .description('Zero trust for AI agents: decides and records every tool call.')
    .version(ports.version, '-V, --version', 'print the version')
    .showSuggestionAfterError(true)
    .showHelpAfterError('(add --help for what is possible)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void ports.stdout.write(text),
      writeErr: (text) => void ports.stderr.write(text),
    });
  addUp(program, context);
  return program;
}
