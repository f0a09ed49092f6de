import type { Catalogue } from '../catalogue/catalogue.ts';
import type { Caller, Connections } from './connections.ts';

/** The fixed text a template starts with. */
const prefixOf = (template: string): string => {
  const at = template.indexOf('{');
  return at < 0 ? template : template.slice(0, at);
};

export type UriOwner =
  | { readonly server: string }
  | { readonly server: undefined; readonly reason: 'unknown_target' | 'ambiguous_target' };

/**
 * Which server of the merged endpoint a resource URI belongs to: the only one that lists it, else the only one with a
 * template that may fit. URIs are never rewritten, so when two servers claim one nobody can say whose content the caller
 * would get: then it belongs to none, and has to be asked for on a server's own endpoint. A template of one server takes
 * nothing away from what another lists.
 */
export async function ownerOfUri(
  deps: { readonly connections: Connections; readonly catalogue: Catalogue },
  caller: Caller,
  uri: string,
  signal: AbortSignal,
): Promise<UriOwner> {
  const { up } = await deps.connections.all(caller, signal);
  const lists = await Promise.allSettled(
    up.map(async (connection) => ({
      server: connection.server,
      resources: await deps.catalogue.read(connection, 'resources', caller.client),
      templates: await deps.catalogue.read(connection, 'resourceTemplates', caller.client),
    })),
  );
  const read = lists.flatMap((list) => (list.status === 'fulfilled' ? [list.value] : []));
  const exact = read.filter(
    ({ resources, templates }) => resources.byName.has(uri) || templates.byName.has(uri),
  );
  if (exact.length > 0) return onlyOne(exact);
  return onlyOne(
    read.filter(({ templates }) =>
      templates.items.some(({ name }) => {
        const prefix = prefixOf(name);
        return prefix !== '' && uri.startsWith(prefix);
      }),
    ),
  );
}

function onlyOne(claims: readonly { readonly server: string }[]): UriOwner {
  const servers = new Set(claims.map(({ server }) => server));
  const [server] = servers;
  if (server === undefined) return { server: undefined, reason: 'unknown_target' };
  return servers.size === 1 ? { server } : { server: undefined, reason: 'ambiguous_target' };
}
