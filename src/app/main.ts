import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { runCli, runStdio } from '../cli/index.ts';
import { systemClock } from '../kernel/clock.ts';
import { dataDirectoryPath, describeDataDirectory } from './data-paths.ts';

const ENTRY = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));

/** Version of this package, as told to clients and printed. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  }
).version;

/**
 * Entry of the `sallyport` command. What a command does not need is not even loaded: the gateway's parts come in with
 * `cli-ports.ts`, and `stdio` does without them.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const interrupted = interruption();
  const streams = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr };
  // A reader that went away (`| head`) is no fault.
  process.stdout.on('error', () => process.exit(0));
  const facts = {
    ...streams,
    env: process.env,
    cwd: process.cwd(),
    home: homedir(),
    clock: systemClock,
    interrupted,
  };
  const code =
    argv[0] === 'stdio'
      ? await runStdio(argv.slice(1), {
          ...facts,
          dataDirectory: (named) =>
            describeDataDirectory(dataDirectoryPath(named, process.env, facts.cwd)),
        })
      : await runCli(argv, {
          ...facts,
          ...(await import('./cli-ports.ts')).cliPorts({
            env: process.env,
            cwd: facts.cwd,
            version: VERSION,
          }),
          version: VERSION,
          platform: process.platform,
          self: { node: process.execPath, entry: ENTRY },
          pid: process.pid,
          onHangup: (listener) => void process.on('SIGHUP', listener),
        });
  process.exit(code);
}

/** The first signal asks for an orderly end, a second one does not wait. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort();
    });
  return controller.signal;
}
