import type { Blueprint, OAuthClient, OAuthGrant } from './model.ts';
import type { IdentityStore, SqlRunner } from './ports.ts';
import { factsOf, readAgent, readBody, readBootstrap, readKey, readMark } from './stored-rows.ts';

/**
 * `IdentityStore` over SQL. Needs `IDENTITY_MIGRATIONS` to have run. All values are bound; nothing
 * secret is stored (keys are public, tokens are hashes). A row that cannot be read is a fault
 * `IDENTITY_STORED_DAMAGED`, never a default.
 */
export function createSqlIdentityStore(db: SqlRunner): IdentityStore {
  const changed = async (sql: string, params: readonly (string | number | null)[]) =>
    (await db.run(sql, params)).changes > 0;

  return {
    agents: async () => (await db.all('SELECT * FROM identity_agents')).map(readAgent),
    async insertAgent(agent) {
      const stored = await changed(
        `INSERT INTO identity_agents
           (id, name, owners, purpose, state, facts, created_at, updated_at, expires_at, version)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        [
          agent.id,
          agent.name,
          JSON.stringify(agent.owners),
          agent.purpose,
          agent.state,
          factsOf(agent),
          agent.createdAt,
          agent.updatedAt ?? agent.createdAt,
          agent.expiresAt,
          agent.version,
        ],
      );
      return stored ? 'stored' : 'taken';
    },
    replaceAgent: (agent, expectedVersion) =>
      changed(
        `UPDATE identity_agents
            SET owners = ?, purpose = ?, state = ?, facts = ?, updated_at = ?, expires_at = ?, version = ?
          WHERE id = ? AND version = ?`,
        [
          JSON.stringify(agent.owners),
          agent.purpose,
          agent.state,
          factsOf(agent),
          agent.updatedAt ?? agent.createdAt,
          agent.expiresAt,
          agent.version,
          agent.id,
          expectedVersion,
        ],
      ),

    async deleteAgent(id) {
      await db.run('DELETE FROM identity_keys WHERE agent_id = ?', [id]);
      await db.run('DELETE FROM identity_agents WHERE id = ?', [id]);
    },

    blueprints: async () =>
      (await db.all('SELECT body FROM identity_blueprints')).map((row) =>
        readBody<Blueprint>(row, 'blueprints'),
      ),
    async putBlueprint(blueprint) {
      await db.run(
        `INSERT INTO identity_blueprints (name, body) VALUES (?, ?)
         ON CONFLICT (name) DO UPDATE SET body = excluded.body`,
        [blueprint.name, JSON.stringify(blueprint)],
      );
    },

    keys: async () => (await db.all('SELECT * FROM identity_keys')).map(readKey),
    async insertKey(key) {
      const stored = await changed(
        `INSERT INTO identity_keys (id, agent_id, thumbprint, algorithm, jwk, created_at, revoked_at)
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        [
          key.id,
          key.agentId,
          key.thumbprint,
          key.algorithm,
          JSON.stringify(key.jwk),
          key.createdAt,
          key.revokedAt ?? null,
        ],
      );
      return stored ? 'stored' : 'taken';
    },
    async revokeKey(id, at) {
      await db.run('UPDATE identity_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL', [
        at,
        id,
      ]);
    },

    bootstraps: async () => (await db.all('SELECT * FROM identity_bootstraps')).map(readBootstrap),
    async insertBootstrap(item) {
      await db.run(
        `INSERT INTO identity_bootstraps (id, agent_id, hash, created_at, expires_at, sequence, revoked_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
        [
          item.id,
          item.agentId,
          item.hash,
          item.createdAt,
          item.expiresAt,
          item.sequence,
          item.revokedAt ?? null,
        ],
      );
    },
    async revokeBootstrap(id, at) {
      await db.run(
        'UPDATE identity_bootstraps SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL',
        [at, id],
      );
    },
    async deleteBootstrapsExpiredBefore(time) {
      await db.run('DELETE FROM identity_bootstraps WHERE expires_at < ?', [time]);
    },

    marks: async () => (await db.all('SELECT * FROM identity_marks')).map(readMark),
    async putMark(mark) {
      await db.run(
        `INSERT INTO identity_marks (id, sequence, at, reason, agent_id) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE
           SET sequence = excluded.sequence, at = excluded.at, reason = excluded.reason, agent_id = excluded.agent_id
         WHERE identity_marks.sequence < excluded.sequence`,
        [mark.id, mark.sequence, mark.at, mark.reason, mark.agentId ?? null],
      );
    },
    async deleteMarksBefore(sequence) {
      await db.run('DELETE FROM identity_marks WHERE sequence < ?', [sequence]);
    },

    clients: async () =>
      (await db.all('SELECT body FROM identity_clients')).map((row) =>
        readBody<OAuthClient>(row, 'clients'),
      ),
    async insertClient(client) {
      await db.run('INSERT INTO identity_clients (id, body) VALUES (?, ?)', [
        client.id,
        JSON.stringify(client),
      ]);
    },
    async deleteClient(id) {
      await db.run('DELETE FROM identity_clients WHERE id = ?', [id]);
    },

    grants: async () =>
      (await db.all('SELECT body FROM identity_grants')).map((row) =>
        readBody<OAuthGrant>(row, 'grants'),
      ),
    async insertGrant(grant) {
      await db.run('INSERT INTO identity_grants (id, refresh_hash, body) VALUES (?, ?, ?)', [
        grant.id,
        grant.refreshHash,
        JSON.stringify(grant),
      ]);
    },
    replaceGrant: (grant, expectedHash) =>
      changed(
        'UPDATE identity_grants SET refresh_hash = ?, body = ? WHERE id = ? AND refresh_hash = ?',
        [grant.refreshHash, JSON.stringify(grant), grant.id, expectedHash],
      ),
    async deleteGrant(id) {
      await db.run('DELETE FROM identity_grants WHERE id = ?', [id]);
    },
  };
}
