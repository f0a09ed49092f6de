import { type Command, Option } from 'commander';
import { AppError } from '../kernel/index.ts';
import { createTerminal, type OutputOptions, type Terminal } from './output/terminal.ts';
import type { CliPorts, DataDirectoryPaths } from './ports.ts';

/** Options that every command takes. */
export interface CommonOptions extends OutputOptions {
  readonly dataDir?: string;
  readonly config?: string;
}

/** What a command's action works with. */
export interface Run<O> {
  readonly ports: CliPorts;
  readonly terminal: Terminal;
  readonly options: O & CommonOptions;
  readonly data: DataDirectoryPaths;
  /** `--config`, else what `up` would use. */
  configFile(): Promise<string | undefined>;
}

export type Action<O> = (
  run: Run<O>,
  ...args: (string | undefined)[]
) => Promise<number | undefined>;

/** Collects the commands' exit code and gives each its common options. */
export interface CliContext {
  readonly ports: CliPorts;
  /** Adds the common options and the action. */
  action<O>(command: Command, action: Action<O>): Command;
  exitCode(): number;
  /** Whether the command that ran was asked for JSON: then errors are JSON too. */
  machine(): boolean;
}

export function createContext(ports: CliPorts): CliContext {
  let exit = 0;
  let machine = false;
  return {
    ports,
    action<O>(command: Command, action: Action<O>) {
      return command
        .addOption(new Option('--data-dir <dir>', 'data directory (SALLYPORT_DATA_DIR)'))
        .addOption(new Option('--config <file>', 'configuration file'))
        .addOption(new Option('--json', 'print one JSON document'))
        .addOption(new Option('--no-color', 'no colours'))
        .addOption(new Option('-q, --quiet', 'no remarks on stderr'))
        .action(async (...received: unknown[]) => {
          // commander passes the arguments, then the options, then the command.
          const options = command.opts<O & CommonOptions>();
          const args = received.slice(0, -2).flat() as (string | undefined)[];
          const terminal = createTerminal(options, ports);
          machine = terminal.machine;
          const data = ports.dataDirectory(options.dataDir);
          exit =
            (await action(
              {
                ports,
                terminal,
                options,
                data,
                configFile: () => ports.findConfig(options.config, data.path),
              },
              ...args,
            )) ?? 0;
        });
    },
    exitCode: () => exit,
    machine: () => machine,
  };
}

/** An error of usage: exit code 2. */
export function usage(problem: string, hint: string): AppError {
  return new AppError('CLI_USAGE', { params: { problem, hint } });
}
