import { CommanderError } from 'commander';
import { createContext } from './context.ts';
import { showError } from './output/show-error.ts';
import type { CliPorts } from './ports.ts';
import { createProgram } from './program.ts';

export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  findings: 3,
  forbidden: 4,
  unreachable: 5,
  timeout: 6,
  interrupted: 130,
} as const;

/** Parses and runs; the exit code. Never rejects. */
export async function runProgram(argv: readonly string[], ports: CliPorts): Promise<number> {
  const context = createContext(ports);
  const program = createProgram(context);
  try {
    if (argv.length === 0) {
      program.outputHelp();
      return EXIT.ok;
    }
    await program.parseAsync([...argv], { from: 'user' });
    return context.exitCode();
  } catch (error) {
    // Help and version are thrown too; everything else commander throws is a mistake in the call.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (ports.interrupted.aborted) return EXIT.interrupted;
    const asked = argv.includes('--json') || argv.includes('--jsonl');
    return showError(error, ports.stderr, context.machine() || asked);
  }
}
