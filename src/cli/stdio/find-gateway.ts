import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ShimOptions } from './options.ts';
import { ShimError, type StdioPorts } from './ports.ts';

/** Content of an agent's key file; see `AgentKeyFile` in the identity area. */
export interface ShimKey {
  readonly clientId: string;
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly resource: string;
  readonly key: Readonly<Record<string, string>> & { readonly kid: string; readonly alg: string };
}

export interface GatewayPlace {
  readonly key: ShimKey;
  readonly issuer: string;
  readonly tokenEndpoint: string;
  /** Endpoint that messages go to; also the audience of the tokens. */
  readonly resource: string;
}

const MAX_BYTES = 64 * 1024;

/**
 * The agent's newest key and where the gateway is: `--url`, else the gateway that runs on the data directory, else the
 * one that made the key. Throws {@link ShimError}.
 */
export function findGateway(options: ShimOptions, ports: StdioPorts): GatewayPlace {
  const data = ports.dataDirectory(options.dataDir);
  const key = readKey(
    options.key === undefined
      ? newestKey(join(data.identity, 'agents'), options.agent)
      : resolve(ports.cwd, options.key),
  );
  const base = options.url ?? runningUrl(data.runFile);
  const merged = (base ?? key.resource).replace(/\/+$/, '');
  const issuer = base === undefined ? key.issuer : merged.replace(/\/mcp$/, '');
  const moved = issuer !== key.issuer;
  return {
    key,
    issuer,
    tokenEndpoint: moved ? `${issuer}/oauth/token` : key.tokenEndpoint,
    resource: options.server === undefined ? merged : `${merged}/${options.server}`,
  };
}

function newestKey(directory: string, agent: string): string {
  let names: string[] = [];
  try {
    names = readdirSync(directory);
  } catch {
    // Told below.
  }
  // The id is a ULID, so the last name is the newest key.
  const newest = names
    .filter((name) => name.startsWith(`${agent}-key_`) && /-key_[0-9A-Z]{26}\.json$/.test(name))
    .filter((name) => name.length === agent.length + '-key_'.length + 26 + '.json'.length)
    .sort()
    .at(-1);
  if (newest === undefined)
    throw new ShimError(
      `there is no key for agent ${agent} in ${directory}; register it with: sallyport agent register ${agent} --owner you@example.com`,
      4,
    );
  return join(directory, newest);
}

function readKey(path: string): ShimKey {
  let text: string;
  try {
    text = readPrivate(path);
  } catch (error) {
    if (error instanceof ShimError) throw error;
    throw new ShimError(
      `the key file ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'fault'})`,
      4,
    );
  }
  try {
    const key = JSON.parse(text) as ShimKey;
    const texts = [key.clientId, key.issuer, key.tokenEndpoint, key.resource, key.key.kid];
    if (texts.every((one) => typeof one === 'string')) return key;
  } catch {
    // Told below, without a word of the content.
  }
  throw new ShimError(`the key file ${path} is not one of Sallyport`, 4);
}

function readPrivate(path: string): string {
  const file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  try {
    const stat = fstatSync(file);
    if (!stat.isFile() || stat.size > MAX_BYTES)
      throw new ShimError(`the key file ${path} is not a small regular file`, 4);
    if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0)
      throw new ShimError(`other users may read the key file ${path}; run: chmod 600 ${path}`, 4);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

function runningUrl(runFile: string): string | undefined {
  try {
    const { mcpUrl } = JSON.parse(readFileSync(runFile, 'utf8')) as { mcpUrl?: unknown };
    return typeof mcpUrl === 'string' && /^https?:\/\//.test(mcpUrl) ? mcpUrl : undefined;
  } catch {
    return undefined;
  }
}
