import type { Catalogue } from '../catalogue/catalogue.ts';
import type { Caller, Connections } from './connections.ts';

/** The fixed text a template starts with; the longest match wins. */
const prefixOf = (template: string): string => {
  const at = template.indexOf('{');
  return at < 0 ? template : template.slice(0, at);
};

/**
 * Which server of the merged endpoint a resource URI belongs to: the first that lists it, else the one with the most
 * specific template that fits. URIs are never rewritten, so a URI two servers list belongs to the first by name.
 */
export async function ownerOfUri(
  deps: { readonly connections: Connections; readonly catalogue: Catalogue },
  caller: Caller,
  uri: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { up } = await deps.connections.all(caller, signal);
  const lists = await Promise.allSettled(
    up.map(async (connection) => ({
      server: connection.server,
      resources: await deps.catalogue.read(connection, 'resources', caller.client),
      templates: await deps.catalogue.read(connection, 'resourceTemplates', caller.client),
    })),
  );
  const read = lists.flatMap((list) => (list.status === 'fulfilled' ? [list.value] : []));
  const exact = read.find(
    (list) => list.resources.byName.has(uri) || list.templates.byName.has(uri),
  );
  if (exact !== undefined) return exact.server;
  let best: { server: string; length: number } | undefined;
  for (const { server, templates } of read) {
    for (const template of templates.items) {
      const prefix = prefixOf(template.name);
      if (prefix.length > (best?.length ?? 0) && uri.startsWith(prefix))
        best = { server, length: prefix.length };
    }
  }
  return best?.server;
}
