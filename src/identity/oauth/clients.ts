import { AppError, type Clock, DAY_MS, type Random } from '../../kernel/index.ts';
import type { Actor, OAuthClient } from '../model.ts';
import type { IdentityStore } from '../ports.ts';
import { digestOf, type RecordChange } from '../record-change.ts';
import type { Revocations } from '../revocations.ts';

const MAX_CLIENTS = 2000;
/** A client nobody consented to in this time is forgotten when room is needed. */
const UNUSED_AFTER_MS = DAY_MS;

export interface Clients {
  get(id: string): OAuthClient | undefined;
  list(): readonly OAuthClient[];
  /** Throws `IDENTITY_LIMIT` when all places are taken by clients in use. */
  register(facts: Omit<OAuthClient, 'id' | 'createdAt'>, by: Actor): Promise<OAuthClient>;
  /** Removes the client; its tokens are dead at once. Throws `IDENTITY_UNKNOWN_CREDENTIAL`. */
  remove(id: string, by: Actor): Promise<void>;
}

export interface ClientsDeps {
  readonly store: IdentityStore;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly random: Random;
  readonly record: RecordChange;
  /** Clients with a consent are never forgotten for lack of room. */
  readonly inUse: (clientId: string) => boolean;
}

export async function createClients(deps: ClientsDeps): Promise<Clients> {
  const { store, revocations, clock, random, record, inUse } = deps;
  const clients = new Map<string, OAuthClient>();
  for (const client of await store.clients()) clients.set(client.id, client);

  const makeRoom = async (now: number): Promise<void> => {
    for (const client of clients.values()) {
      if (clients.size < MAX_CLIENTS) return;
      if (client.createdAt > now - UNUSED_AFTER_MS || inUse(client.id)) continue;
      clients.delete(client.id);
      await store.deleteClient(client.id);
    }
  };

  return {
    get: (id) => clients.get(id),
    list: () => [...clients.values()],
    async register(facts, by) {
      const now = clock.now();
      await makeRoom(now);
      if (clients.size >= MAX_CLIENTS)
        throw new AppError('IDENTITY_LIMIT', {
          params: { limit: MAX_CLIENTS, what: 'registered clients' },
        });
      const client: OAuthClient = {
        id: `mcp_${Buffer.from(random.bytes(16)).toString('base64url')}`,
        ...facts,
        createdAt: now,
      };
      await record(
        {
          action: 'client.register',
          target: client.id,
          after: digestOf(client),
          detail: { name: client.name },
          actor: by,
          at: now,
        },
        'widening',
        async () => {
          await store.insertClient(client);
          clients.set(client.id, client);
        },
      );
      return client;
    },
    async remove(id, by) {
      if (!clients.delete(id))
        throw new AppError('IDENTITY_UNKNOWN_CREDENTIAL', {
          params: { credential: id.slice(0, 64) },
        });
      // Its consents stay until they expire and are dead by the mark.
      await record(
        { action: 'client.remove', target: id, actor: by, at: clock.now() },
        'restricting',
        () => Promise.all([revocations.revoke(id, by), store.deleteClient(id)]),
      );
    },
  };
}
