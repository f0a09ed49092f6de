import { readdir, realpath } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { ServerEntry } from '../../../discover/index.ts';
import { AppError } from '../../../kernel/index.ts';
import { type Run, usage } from '../../context.ts';

/**
 * The command that a client starts. `sallyport` alone only where it is certain to be found: terminal programs inherit
 * PATH, and the one on it is this very program. Desktop programs get whole paths.
 */
export async function shimCommand(
  run: Run<unknown>,
  agent: string,
  server: string | undefined,
  inheritsPath: boolean,
): Promise<ServerEntry> {
  const { ports, options, data } = run;
  const isElsewhere =
    options.dataDir !== undefined || (ports.env['SALLYPORT_DATA_DIR'] ?? '') !== '';
  const args = [
    'stdio',
    '--agent',
    agent,
    ...(server === undefined ? [] : ['--server', server]),
    ...(isElsewhere ? ['--data-dir', data.path] : []),
  ];
  const isOnPath = inheritsPath && (await onPath(run));
  return isOnPath
    ? { kind: 'stdio', command: 'sallyport', args }
    : { kind: 'stdio', command: ports.self.node, args: [ports.self.entry, ...args] };
}

async function onPath({ ports }: Run<unknown>): Promise<boolean> {
  const own = await realpath(ports.self.entry).catch(() => ports.self.entry);
  for (const directory of (ports.env['PATH'] ?? '').split(delimiter).slice(0, 200)) {
    if (directory === '') continue;
    const found = await realpath(join(directory, 'sallyport')).catch(() => undefined);
    if (found !== undefined) return found === own;
  }
  return false;
}

const KEY_FILE = /^(.+)-key_[0-9A-Z]{26}\.json$/;

/** The named agent, or the only one with a key here. Throws `CLI_NO_AGENT_KEY` or an error of usage. */
export async function agentWithKey(run: Run<unknown>, named: string | undefined): Promise<string> {
  const directory = join(run.data.identity, 'agents');
  const files = await readdir(directory).catch((): string[] => []);
  const names = [...new Set(files.flatMap((file) => KEY_FILE.exec(file)?.[1] ?? []))].sort();
  if (named !== undefined) {
    if (names.includes(named)) return named;
    throw new AppError('CLI_NO_AGENT_KEY', { params: { agent: named, dir: directory } });
  }
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  throw usage(
    'which agent the client acts as was not said',
    names.length === 0
      ? 'register one first: sallyport agent register my-agent --owner you@example.com'
      : `give --agent with one of ${names.slice(0, 20).join(', ')}`,
  );
}
