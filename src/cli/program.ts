import { Command } from 'commander';
import { addAgent } from './commands/agent/index.ts';
import { addAudit } from './commands/audit/index.ts';
import { addCompletion } from './commands/completion.ts';
import { addConfig } from './commands/config/index.ts';
import { addConnect } from './commands/connect/index.ts';
import { addDoctor } from './commands/doctor.ts';
import { addErrors } from './commands/errors.ts';
import { addLogin } from './commands/login.ts';
import { addPolicy } from './commands/policy/index.ts';
import { addServer } from './commands/server/index.ts';
import { addStatus } from './commands/status.ts';
import { addUp } from './commands/up.ts';
import { addVersion } from './commands/version.ts';
import type { CliContext } from './context.ts';

const EXAMPLES = `
Examples:
  sallyport up                                     start the gateway; with nothing configured, a demo
  sallyport server add files -- npx -y @modelcontextprotocol/server-filesystem ./work
  sallyport connect claude-code --agent reader     point a client at the gateway

Exit codes: 0 ok, 1 failure, 2 usage, 3 findings or denials, 4 forbidden, 5 no gateway, 6 timed out, 130 interrupted.
Reference: docs/reference/cli.md`;

/** The whole grammar: `sallyport <noun> <verb>`, few words at the top. */
export function createProgram(context: CliContext): Command {
  const { ports } = context;
  const program = new Command('sallyport');
  program
    .description('Zero trust for AI agents: decides and records every tool call.')
    .version(ports.version, '-V, --version', 'print the version')
    .addHelpText('after', EXAMPLES)
    .showSuggestionAfterError(true)
    .showHelpAfterError('(add --help for what is possible)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void ports.stdout.write(text),
      writeErr: (text) => void ports.stderr.write(text),
    });
  addUp(program, context);
  addStatus(program, context);
  addServer(program, context);
  addAgent(program, context);
  addConnect(program, context);
  // Runs without this program (see index.ts); here for the help alone.
  program
    .command('stdio', { hidden: false })
    .summary('speak MCP on standard input and output as an agent; see stdio --help');
  addPolicy(program, context);
  addAudit(program, context);
  addConfig(program, context);
  addDoctor(program, context);
  addLogin(program, context);
  addErrors(program, context);
  addCompletion(program, context);
  addVersion(program, context);
  return program;
}
