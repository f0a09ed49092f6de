import { describe, expect, test } from 'vitest';
import type { Agent, AgentKey, OAuthGrant } from './model.ts';
import type { IdentityStore } from './ports.ts';

const agent = (over: Partial<Agent> = {}): Agent => ({
  id: 'agt_1',
  name: 'mailer',
  owners: ['ann@example.com', `o'hara"@example.com`],
  purpose: 'answers "mail" – ünïcode \'; DROP TABLE identity_agents; --',
  state: 'staged',
  groups: ['support'],
  blueprint: 'mail',
  riskTier: 'high',
  createdAt: 1_800_000_000_000,
  stateSince: 1_800_000_000_000,
  updatedAt: 1_800_000_000_000,
  expiresAt: 1_800_000_100_000,
  version: 1,
  ...over,
});
const key = (over: Partial<AgentKey> = {}): AgentKey => ({
  id: 'key_1',
  agentId: 'agt_1',
  thumbprint: 'print-1',
  algorithm: 'ES256',
  jwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' },
  createdAt: 1,
  ...over,
});
const grant = (over: Partial<OAuthGrant> = {}): OAuthGrant => ({
  id: 'tok_g',
  clientId: 'mcp_1',
  agentId: 'agt_1',
  user: 'ann@example.com',
  resource: 'https://gw.example/mcp',
  scopes: ['mcp'],
  createdAt: 1,
  expiresAt: 2,
  sequence: 1_800_000_000_000_001,
  familyHash: 'f',
  refreshHash: 'h1',
  ...over,
});

/** What every `IdentityStore` does, whatever stands behind it. `open` makes an empty one. */
export function runIdentityStoreContract(name: string, open: () => Promise<IdentityStore>): void {
  describe(`identity store (${name})`, () => {
    test('gives an agent back as it was put in', async () => {
      const store = await open();
      expect(await store.insertAgent(agent())).toBe('stored');
      expect(await store.agents()).toEqual([agent()]);
    });

    test('takes neither an id nor a name twice', async () => {
      const store = await open();
      await store.insertAgent(agent());
      expect(await store.insertAgent(agent({ name: 'other' }))).toBe('taken');
      expect(await store.insertAgent(agent({ id: 'agt_2' }))).toBe('taken');
      expect(await store.agents()).toHaveLength(1);
    });

    test('replaces an agent only from the version the writer saw', async () => {
      const store = await open();
      await store.insertAgent(agent());
      const next = agent({ version: 2, state: 'active', updatedAt: 1_800_000_000_500 });
      expect(await store.replaceAgent(next, 7)).toBe(false);
      const [first, second] = await Promise.all([
        store.replaceAgent(next, 1),
        store.replaceAgent(agent({ version: 2, purpose: 'lost' }), 1),
      ]);
      expect([first, second].filter(Boolean)).toHaveLength(1);
      expect(first ? await store.agents() : [next]).toEqual([next]);
    });

    test('keeps revoked keys so that their thumbprints stay taken', async () => {
      const store = await open();
      await store.insertAgent(agent());
      expect(await store.insertKey(key())).toBe('stored');
      await store.revokeKey('key_1', 5);
      await store.revokeKey('key_1', 9);
      expect(await store.keys()).toEqual([key({ revokedAt: 5 })]);
      expect(await store.insertKey(key({ id: 'key_2' }))).toBe('taken');
    });

    test('revokes bootstrap credentials and drops expired ones', async () => {
      const store = await open();
      await store.insertAgent(agent());
      const one = {
        id: 'tok_1',
        agentId: 'agt_1',
        hash: 'h1',
        createdAt: 1,
        expiresAt: 10,
        sequence: 3,
      };
      const two = { ...one, id: 'tok_2', hash: 'h2', expiresAt: 20 };
      await store.insertBootstrap(one);
      await store.insertBootstrap(two);
      await store.revokeBootstrap('tok_2', 4);
      await store.deleteBootstrapsExpiredBefore(15);
      expect(await store.bootstraps()).toEqual([{ ...two, revokedAt: 4 }]);
    });

    test('lets the later revocation mark win, in whatever order they come', async () => {
      const store = await open();
      const late = { id: 'agt_1', sequence: 9, at: 2, reason: 'late', agentId: 'agt_1' };
      await store.putMark(late);
      await store.putMark({ id: 'agt_1', sequence: 5, at: 1, reason: 'early' });
      await store.putMark({ id: 'tok_1', sequence: 2, at: 1, reason: 'old' });
      await store.deleteMarksBefore(3);
      expect(await store.marks()).toEqual([late]);
    });

    test('stores and removes clients', async () => {
      const store = await open();
      const client = {
        id: 'mcp_1',
        name: 'Editor',
        redirectUris: ['http://127.0.0.1/cb'],
        grantTypes: ['authorization_code'],
        createdAt: 1,
      };
      await store.insertClient(client);
      expect(await store.clients()).toEqual([client]);
      await store.deleteClient('mcp_1');
      expect(await store.clients()).toEqual([]);
    });

    test('rotates a grant once per refresh token', async () => {
      const store = await open();
      await store.insertGrant(grant());
      const won = await Promise.all([
        store.replaceGrant(grant({ refreshHash: 'h2', previousHash: 'h1', rotatedAt: 4 }), 'h1'),
        store.replaceGrant(grant({ refreshHash: 'h3', previousHash: 'h1', rotatedAt: 4 }), 'h1'),
      ]);
      expect(won.filter(Boolean)).toHaveLength(1);
      const [stored] = await store.grants();
      expect(stored?.previousHash).toBe('h1');
      expect(stored?.sequence).toBe(1_800_000_000_000_001);
      await store.deleteGrant('tok_g');
      expect(await store.grants()).toEqual([]);
    });
  });
}
