import type { Clock } from '../../kernel/index.ts';
import type { CatalogueItem, ClientFacts, ItemKind, UpstreamConnection } from '../model.ts';
import { rawGet } from '../wire/raw-json.ts';
import { fetchList } from './fetch-list.ts';

/** How long a list counts as fresh when the upstream says nothing. */
export const LIST_TTL_MS = 30_000;
/** An unknown name triggers at most one re-read of the list in this time. */
export const MISS_REFRESH_MS = 2_000;

export interface Listing {
  readonly items: readonly CatalogueItem[];
  readonly byName: ReadonlyMap<string, CatalogueItem>;
  readonly byExposedName: ReadonlyMap<string, CatalogueItem>;
  /** Milliseconds since the epoch. */
  readonly readAt: number;
}

export interface CatalogueDeps {
  readonly clock: Clock;
  aliases(server: string): Readonly<Record<string, string>> | undefined;
  /** A list was read anew; the core hands tool definitions to policy. */
  onListing(server: string, kind: ItemKind, listing: Listing): void;
}

export interface Catalogue {
  /** The list as last read, however old; undefined when it was never read. Synchronous, for the hot path. */
  peek(connection: UpstreamConnection, kind: ItemKind, client: ClientFacts): Listing | undefined;
  /** The list, read again when older than `maxAgeMs`. Concurrent readers share one request. */
  read(
    connection: UpstreamConnection,
    kind: ItemKind,
    client: ClientFacts,
    options?: { readonly maxAgeMs?: number },
  ): Promise<Listing>;
}

interface Slot {
  listing: Listing | undefined;
  reading: Promise<Listing> | undefined;
  /** The server announced a change while the list was being read. */
  dirty: boolean;
}

const CAPABILITY: Readonly<Record<ItemKind, string>> = {
  tools: 'tools',
  prompts: 'prompts',
  resources: 'resources',
  resourceTemplates: 'resources',
};

// A Map: servers choose the method, and an object would also answer to `constructor`.
const CHANGED: ReadonlyMap<string, readonly ItemKind[]> = new Map([
  ['notifications/tools/list_changed', ['tools']],
  ['notifications/prompts/list_changed', ['prompts']],
  ['notifications/resources/list_changed', ['resources', 'resourceTemplates']],
]);

/**
 * What each upstream connection offers. Lists hang on the connection, since a server may show other tools to another
 * session; they die with it and are dropped when the server announces a change.
 */
export function createCatalogue(deps: CatalogueDeps): Catalogue {
  const slots = new WeakMap<UpstreamConnection, Map<string, Slot>>();

  const slotsOf = (connection: UpstreamConnection): Map<string, Slot> => {
    let map = slots.get(connection);
    if (map === undefined) {
      const fresh = new Map<string, Slot>();
      map = fresh;
      slots.set(connection, fresh);
      connection.onNotification((method) => {
        const kinds = CHANGED.get(method);
        if (kinds === undefined) return;
        for (const [key, slot] of fresh) {
          if (!kinds.some((kind) => key.startsWith(`${kind} `))) continue;
          slot.listing = undefined;
          slot.dirty = true;
        }
      });
    }
    return map;
  };

  const slotOf = (connection: UpstreamConnection, kind: ItemKind, client: ClientFacts): Slot => {
    const map = slotsOf(connection);
    const key = `${kind} ${client.capabilitiesDigest}`;
    let slot = map.get(key);
    if (slot === undefined) {
      slot = { listing: undefined, reading: undefined, dirty: false };
      map.set(key, slot);
    }
    return slot;
  };

  const readNow = async (
    connection: UpstreamConnection,
    kind: ItemKind,
    client: ClientFacts,
  ): Promise<Listing> => {
    // The reader is the gateway, not the caller: one caller's cancellation must not fail the others who wait.
    const items =
      rawGet(connection.info.capabilities, CAPABILITY[kind]) === undefined
        ? []
        : await fetchList(
            connection,
            kind,
            client,
            deps.aliases(connection.server),
            new AbortController().signal,
          );
    const listing: Listing = {
      items,
      byName: new Map(items.map((item) => [item.name, item])),
      byExposedName: new Map(items.map((item) => [item.exposedName, item])),
      readAt: deps.clock.now(),
    };
    deps.onListing(connection.server, kind, listing);
    return listing;
  };

  return {
    peek: (connection, kind, client) => slotOf(connection, kind, client).listing,
    read(connection, kind, client, options = {}) {
      const slot = slotOf(connection, kind, client);
      const maxAge = options.maxAgeMs ?? LIST_TTL_MS;
      if (slot.listing !== undefined && deps.clock.now() - slot.listing.readAt <= maxAge) {
        return Promise.resolve(slot.listing);
      }
      if (slot.reading !== undefined) return slot.reading;
      slot.dirty = false;
      slot.reading = readNow(connection, kind, client)
        .then((listing) => {
          if (!slot.dirty) slot.listing = listing;
          return listing;
        })
        .finally(() => {
          slot.reading = undefined;
        });
      return slot.reading;
    },
  };
}
