/**
 * The command line. This file imports nothing at run time: `sallyport stdio` sits between a client and its first
 * message, so it must not wait for a parser, a schema library and a database.
 */
import type { CliPorts } from './ports.ts';
import type { StdioPorts } from './stdio/ports.ts';

export type {
  CliPorts,
  ConfigFacts,
  DataDirectoryPaths,
  DoctorLine,
  DoctorRequest,
  ServerFacts,
  StartedGateway,
  StartRequest,
} from './ports.ts';
export type { StdioPorts } from './stdio/ports.ts';

/** Runs a command; the exit code. Never rejects. */
export async function runCli(argv: readonly string[], ports: CliPorts): Promise<number> {
  const { runProgram } = await import('./run-program.ts');
  return runProgram(argv, ports);
}

/** Runs `sallyport stdio …`; the exit code. Never rejects. */
export async function runStdio(argv: readonly string[], ports: StdioPorts): Promise<number> {
  const { runShim } = await import('./stdio/run-shim.ts');
  return runShim(argv, ports);
}
