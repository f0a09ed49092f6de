import { isAppError } from '../kernel/index.ts';
import { MAX_FILE_BYTES, readConfigFile, textOf } from './change/read-config-file.ts';
import { CLIENTS } from './clients/definitions.ts';
import { locate } from './clients/locate.ts';
import { EditRefused } from './formats/edit.ts';
import { editorFor } from './formats/editor-for.ts';
import type { FoundServer, Scope, Surroundings } from './model.ts';

export interface FoundFile {
  readonly client: string;
  readonly clientName: string;
  readonly scope: Scope;
  readonly file: string;
  /** Why its content is unknown; a file that cannot be read is told of, never passed over. */
  readonly problem: string | undefined;
  readonly servers: readonly (FoundServer & { readonly throughGateway: boolean })[];
}

/**
 * What the configurations of the known clients name. Reads only; starts nothing, expands nothing. Files that do not
 * exist are left out.
 */
export async function findServers(
  around: Surroundings,
  isGateway: (server: FoundServer) => boolean,
): Promise<readonly FoundFile[]> {
  const found: FoundFile[] = [];
  for (const client of CLIENTS)
    for (const scope of ['user', 'project'] as const) {
      const place = locate(client, scope, around);
      if (place === undefined) continue;
      const base = { client: client.id, clientName: client.name, scope, file: place.file };
      try {
        const file = await readConfigFile(place.file, scope, around.cwd);
        if (file.bytes === undefined || file.bytes.length > MAX_FILE_BYTES) continue;
        const servers = editorFor(place.format)
          .list(textOf(file), place.container)
          .map((server) => ({ ...server, throughGateway: isGateway(server) }));
        found.push({ ...base, problem: undefined, servers });
      } catch (error) {
        if (!isAppError(error) && !(error instanceof EditRefused)) throw error;
        found.push({ ...base, problem: error.message, servers: [] });
      }
    }
  return found;
}

/** Whether an entry leads to a Sallyport: its shim, or one of these URLs. */
export function leadsToGateway(server: FoundServer, urls: readonly string[]): boolean {
  if (server.transport === 'http')
    return urls.some((url) => server.target[0] === url || server.target[0]?.startsWith(`${url}/`));
  const words = server.target.map((word) => word.replaceAll('\\', '/'));
  const at = words.indexOf('stdio');
  return at > 0 && /(^|\/)sallyport(\.mjs|\.cmd|\.exe)?$/.test(words[at - 1] ?? '');
}
