import { ShimError } from './ports.ts';

export interface ShimOptions {
  readonly agent: string;
  readonly server: string | undefined;
  readonly dataDir: string | undefined;
  /** Key file when it is not in the data directory. */
  readonly key: string | undefined;
  /** URL of the gateway's merged endpoint when it does not run on this data directory. */
  readonly url: string | undefined;
}

export const SHIM_HELP = `Usage: sallyport stdio --agent NAME [--server NAME]

Speaks MCP on standard input and output for clients that know nothing else, and passes every message to the gateway
under the identity of the agent. Tokens come from the agent's key and never appear in a configuration.

  --agent NAME     agent to act as; its key is looked for in the data directory
  --server NAME    one server under its own tool names, instead of all servers merged
  --data-dir DIR   data directory (SALLYPORT_DATA_DIR)
  --key FILE       key file of the agent
  --url URL        endpoint of a gateway elsewhere, such as https://gateway.example.com/mcp
`;

const FLAGS = new Set(['--agent', '--server', '--data-dir', '--key', '--url']);
const AGENT = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const SERVER = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** Reads the flags; `help` when that is all that was asked for. Throws {@link ShimError} with exit code 2. */
export function readShimOptions(argv: readonly string[]): ShimOptions | 'help' {
  const given = new Map<string, string>();
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [flag = '', inline] = splitFlag(word);
    if (flag === '--help' || flag === '-h') return 'help';
    if (!FLAGS.has(flag))
      throw new ShimError(`unknown option ${flag.slice(0, 64)}; try sallyport stdio --help`, 2);
    const value = inline ?? words.shift();
    if (value === undefined || value === '') throw new ShimError(`${flag} needs a value`, 2);
    given.set(flag, value);
  }
  const agent = given.get('--agent') ?? '';
  const server = given.get('--server');
  if (!AGENT.test(agent))
    throw new ShimError(
      agent === '' ? '--agent NAME is needed' : '--agent is not the name of an agent',
      2,
    );
  if (server !== undefined && !SERVER.test(server))
    throw new ShimError('--server is not the name of a server', 2);
  const url = given.get('--url');
  if (url !== undefined && !/^https?:\/\/[^\s/]/.test(url))
    throw new ShimError('--url is not an http(s) URL', 2);
  return { agent, server, url, dataDir: given.get('--data-dir'), key: given.get('--key') };
}

function splitFlag(word: string): [string, string | undefined] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1;
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}
