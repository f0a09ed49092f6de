import type { LoadedPolicy } from '../loader/policy-source.ts';
import { strayTools } from '../loader/stray-tools.ts';
import type { ServerSchema } from '../schema/server-schema.ts';

/** A forbid in force that names no tool of the server, and may mean one. */
export interface Misspelt {
  readonly policy: string;
  /** What it names instead. */
  readonly named: string;
}

/**
 * By server, then by tool: the forbids in force that may mean the tool without naming it. Such a forbid never fires, so a
 * typing mistake, or a server that renames its tool, would silently lift it.
 */
export function misspeltForbids(
  policies: readonly LoadedPolicy[],
  servers: Iterable<ServerSchema>,
): ReadonlyMap<string, ReadonlyMap<string, Misspelt>> {
  const forbids = policies.filter(
    ({ compiled, annotations }) => compiled.effect === 'forbid' && annotations.mode === 'enforce',
  );
  const found = new Map<string, Map<string, Misspelt>>();
  for (const schema of servers) {
    for (const { id, est } of forbids) {
      for (const { named, near } of strayTools(est, schema)) {
        for (const tool of near) {
          const tools = found.get(schema.server) ?? new Map<string, Misspelt>();
          found.set(schema.server, tools);
          if (!tools.has(tool)) tools.set(tool, { policy: id, named });
        }
      }
    }
  }
  return found;
}
