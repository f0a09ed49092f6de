import type {
  Agent,
  AgentKey,
  Blueprint,
  BootstrapCredential,
  OAuthClient,
  OAuthGrant,
  RevocationMark,
} from './model.ts';
import type { IdentityStore } from './ports.ts';

/** An `IdentityStore` that forgets at exit; for tests and ephemeral runs. Same contract as the SQL one. */
export function createMemoryIdentityStore(): IdentityStore {
  const agents = new Map<string, Agent>();
  const keys = new Map<string, AgentKey>();
  const blueprints = new Map<string, Blueprint>();
  const bootstraps = new Map<string, BootstrapCredential>();
  const marks = new Map<string, RevocationMark>();
  const clients = new Map<string, OAuthClient>();
  const grants = new Map<string, OAuthGrant>();
  const some = <T>(map: Map<string, T>, test: (value: T) => boolean): boolean =>
    map.values().some(test);

  return {
    agents: async () => [...agents.values()],
    async insertAgent(agent) {
      if (agents.has(agent.id) || some(agents, (other) => other.name === agent.name))
        return 'taken';
      agents.set(agent.id, agent);
      return 'stored';
    },
    async replaceAgent(agent, expectedVersion) {
      if (agents.get(agent.id)?.version !== expectedVersion) return false;
      agents.set(agent.id, agent);
      return true;
    },

    async deleteAgent(id) {
      agents.delete(id);
      for (const key of keys.values()) if (key.agentId === id) keys.delete(key.id);
    },

    blueprints: async () => [...blueprints.values()],
    async putBlueprint(blueprint) {
      blueprints.set(blueprint.name, blueprint);
    },

    keys: async () => [...keys.values()],
    async insertKey(key) {
      if (keys.has(key.id) || some(keys, (other) => other.thumbprint === key.thumbprint))
        return 'taken';
      keys.set(key.id, key);
      return 'stored';
    },
    async revokeKey(id, at) {
      const key = keys.get(id);
      if (key !== undefined && key.revokedAt === undefined) keys.set(id, { ...key, revokedAt: at });
    },

    bootstraps: async () => [...bootstraps.values()],
    async insertBootstrap(credential) {
      bootstraps.set(credential.id, credential);
    },
    async revokeBootstrap(id, at) {
      const found = bootstraps.get(id);
      if (found !== undefined && found.revokedAt === undefined)
        bootstraps.set(id, { ...found, revokedAt: at });
    },
    async deleteBootstrapsExpiredBefore(time) {
      for (const [id, credential] of bootstraps)
        if (credential.expiresAt < time) bootstraps.delete(id);
    },

    marks: async () => [...marks.values()],
    async putMark(mark) {
      const old = marks.get(mark.id);
      if (old === undefined || old.sequence < mark.sequence) marks.set(mark.id, mark);
    },
    async deleteMarksBefore(sequence) {
      for (const [id, mark] of marks) if (mark.sequence < sequence) marks.delete(id);
    },

    clients: async () => [...clients.values()],
    async insertClient(client) {
      clients.set(client.id, client);
    },
    async deleteClient(id) {
      clients.delete(id);
    },

    grants: async () => [...grants.values()],
    async insertGrant(grant) {
      grants.set(grant.id, grant);
    },
    async replaceGrant(grant, expectedHash) {
      if (grants.get(grant.id)?.refreshHash !== expectedHash) return false;
      grants.set(grant.id, grant);
      return true;
    },
    async deleteGrant(id) {
      grants.delete(id);
    },
  };
}
