/** Where an installation keeps its files. Imports nothing of ours: the stdio shim starts with it. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Everything that must survive a restart, in one directory of mode 0700. */
export interface DataDirectory {
  readonly path: string;
  readonly audit: string;
  readonly identity: string;
  /** Arguments and results by digest, when the configuration keeps them. */
  readonly bodies: string;
  readonly policyBackups: string;
  /** Authorizations at MCP servers, encrypted. */
  readonly upstream: string;
  readonly database: string;
  readonly adminTokenFile: string;
  /** What a running gateway tells the CLI about itself. */
  readonly runFile: string;
}

/** `--data-dir`, else `SALLYPORT_DATA_DIR`, else the user's data directory (XDG base directories). */
export function dataDirectoryPath(
  named: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): string {
  const given = named ?? env['SALLYPORT_DATA_DIR'];
  if (given !== undefined && given !== '') return resolve(cwd, given);
  const base = env['XDG_DATA_HOME'];
  return base?.startsWith('/')
    ? join(base, 'sallyport')
    : join(homedir(), '.local', 'share', 'sallyport');
}

export const describeDataDirectory = (path: string): DataDirectory => ({
  path,
  audit: join(path, 'audit'),
  identity: join(path, 'identity'),
  bodies: join(path, 'bodies'),
  policyBackups: join(path, 'policy-backups'),
  upstream: join(path, 'upstream'),
  database: join(path, 'sallyport.db'),
  adminTokenFile: join(path, 'admin-token'),
  runFile: join(path, 'running.json'),
});
