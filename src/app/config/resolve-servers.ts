import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ServerConfig } from '../../gateway/index.ts';
import { AppError, resolveSecret, type SecretRef } from '../../kernel/index.ts';
import type { Config, ServerEntry } from './sections.ts';

type Env = Readonly<Record<string, string | undefined>>;

async function values(
  entries: Readonly<Record<string, string | SecretRef>>,
  env: Env,
): Promise<Record<string, string>> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(entries)) {
    out[name] =
      typeof value === 'string'
        ? value
        : await resolveSecret(value, { env, readFile: (path) => readFile(path, 'utf8') });
  }
  return out;
}

async function one(
  name: string,
  entry: ServerEntry,
  base: string,
  env: Env,
): Promise<ServerConfig> {
  const problem = (text: string): AppError =>
    new AppError('CONFIG_INVALID', {
      params: { file: 'sallyport.yaml', problem: `servers.${name}: ${text}` },
    });
  const common = { timeoutMs: entry.timeout, enabled: entry.enabled, aliases: entry.aliases };
  if (entry.command !== undefined && entry.url === undefined) {
    return {
      transport: 'stdio',
      command: entry.command,
      args: entry.args,
      env: await values(entry.env, env),
      cwd: entry.cwd === undefined ? undefined : resolve(base, entry.cwd),
      shared: entry.shared,
      ...common,
    };
  }
  if (entry.url !== undefined && entry.command === undefined) {
    return {
      transport: 'http',
      url: entry.url,
      headers: await values(entry.headers, env),
      allowPrivate: entry.allowPrivate,
      ...common,
    };
  }
  throw problem('give either command (a local server) or url (a remote one)');
}

/** The servers as the gateway runs them, secrets resolved. Errors: `CONFIG_INVALID`, `CONFIG_SECRET_UNRESOLVED`. */
export async function resolveServers(
  config: Config,
  file: string | undefined,
  env: Env,
): Promise<ReadonlyMap<string, ServerConfig>> {
  const base = file === undefined ? '.' : dirname(file);
  const servers = new Map<string, ServerConfig>();
  for (const name of Object.keys(config.servers).sort()) {
    const entry = config.servers[name];
    if (entry !== undefined) servers.set(name, await one(name, entry, base, env));
  }
  return servers;
}
