import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { AppError, type Clock, type IdSource, type Random } from '../../kernel/index.ts';
import { importPublicKey, type PublicKey, readPublicJwk } from '../keys/jwk.ts';
import { writeKeyFile } from '../keys/key-file.ts';
import type { Actor, Agent, AgentKey, KeyAlgorithm, PublicJwk } from '../model.ts';
import type { IdentityStore } from '../ports.ts';
import { digestOf, type RecordChange } from '../record-change.ts';
import type { AgentRegistry } from '../registry/registry.ts';
import type { Revocations } from '../revocations.ts';
import type { AgentKeyFile } from './client-assertion.ts';

const MAX_KEYS_PER_AGENT = 5;

export interface UsableKey extends AgentKey {
  readonly publicKey: KeyObject;
}

export interface AgentKeys {
  /**
   * Makes a key pair, writes the private half to a file of mode 0600 under the data directory for
   * the agent to take, and keeps the public half. Throws `IDENTITY_UNKNOWN_AGENT`,
   * `IDENTITY_INVALID` (retired), `IDENTITY_LIMIT` (5 live keys), `IDENTITY_KEY_FILE`.
   */
  generate(
    agentId: string,
    by: Actor,
    algorithm?: KeyAlgorithm,
  ): Promise<{ readonly key: AgentKey; readonly file: string }>;
  /** Registers a public JWK whose private half never was here. Also throws `IDENTITY_KEY_TAKEN`. */
  add(agentId: string, publicJwk: unknown, by: Actor): Promise<AgentKey>;
  /**
   * The key signs no more assertions, and every token of the agent issued so far is dead (tokens do
   * not say which key they came from). Throws `IDENTITY_UNKNOWN_CREDENTIAL`.
   */
  revoke(keyId: string, by: Actor): Promise<void>;
  /**
   * Gives an instance or sub-agent its one key; the record of its making names it, so none is written here. The key is
   * durable when the promise resolves. Throws `IDENTITY_KEY_TAKEN`: a key identifies one agent only, so that neither the
   * parent's key nor a sibling's will do.
   */
  adopt(agentId: string, key: PublicKey): Promise<void>;
  /** Live keys of an agent, ready to verify with. */
  usable(agentId: string): readonly UsableKey[];
  list(agentId: string): readonly AgentKey[];
}

export interface AgentKeysDeps {
  readonly store: IdentityStore;
  readonly registry: AgentRegistry;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly record: RecordChange;
  /** Key files go to `<directory>/agents/<name>-<key id>.json`. */
  readonly directory: string;
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly defaultResource: string;
}

export async function createAgentKeys(deps: AgentKeysDeps): Promise<AgentKeys> {
  const { store, registry, revocations, clock, ids, record } = deps;
  const byAgent = new Map<string, AgentKey[]>();
  const imported = new Map<string, KeyObject>();
  const put = (key: AgentKey): void => {
    const others = (byAgent.get(key.agentId) ?? []).filter((other) => other.id !== key.id);
    byAgent.set(key.agentId, [...others, key]);
  };
  for (const key of await store.keys()) put(key);
  registry.onForget((id) => {
    for (const key of byAgent.get(id) ?? []) imported.delete(key.thumbprint);
    byAgent.delete(id);
  });
  const live = (agentId: string): readonly AgentKey[] =>
    (byAgent.get(agentId) ?? []).filter((key) => key.revokedAt === undefined);

  const need = (agentId: string): Agent => {
    const agent = registry.get(agentId);
    if (agent === undefined)
      throw new AppError('IDENTITY_UNKNOWN_AGENT', { params: { agent: agentId.slice(0, 64) } });
    if (agent.state === 'retired')
      throw new AppError('IDENTITY_INVALID', {
        params: { field: 'agent', problem: 'it is retired' },
      });
    if (live(agentId).length >= MAX_KEYS_PER_AGENT)
      throw new AppError('IDENTITY_LIMIT', {
        params: { limit: MAX_KEYS_PER_AGENT, what: 'keys of this agent' },
      });
    return agent;
  };

  const register = async (
    agent: Agent,
    jwk: unknown,
    by: Actor,
    beforeStored: (key: AgentKey) => Promise<void>,
  ): Promise<AgentKey> => {
    const read = readPublicJwk(jwk);
    const publicKey = read === undefined ? undefined : importPublicKey(read.jwk);
    if (read === undefined || publicKey === undefined)
      throw new AppError('IDENTITY_INVALID', {
        params: { field: 'key', problem: 'use the public JWK of a P-256 or Ed25519 key' },
      });
    const key: AgentKey = {
      id: ids.next('key'),
      agentId: agent.id,
      thumbprint: read.thumbprint,
      algorithm: read.algorithm,
      jwk: read.jwk,
      createdAt: clock.now(),
    };
    await record(
      {
        action: 'key.add',
        agentId: agent.id,
        target: key.id,
        after: digestOf(key),
        detail: { thumbprint: key.thumbprint, algorithm: key.algorithm },
        actor: by,
        at: key.createdAt,
      },
      'widening',
      async () => {
        await beforeStored(key);
        if ((await store.insertKey(key)) === 'taken') throw new AppError('IDENTITY_KEY_TAKEN');
        put(key);
      },
    );
    return key;
  };

  return {
    async generate(agentId, by, algorithm = 'ES256') {
      const agent = need(agentId);
      const { privateKey } =
        algorithm === 'ES256'
          ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
          : generateKeyPairSync('ed25519');
      const { d, ...publicJwk } = privateKey.export({ format: 'jwk' }) as unknown as PublicJwk & {
        readonly d: string;
      };
      let file = '';
      const key = await register(agent, publicJwk, by, async ({ id, thumbprint }) => {
        file = join(deps.directory, 'agents', `${agent.name}-${id}.json`);
        const content: AgentKeyFile = {
          clientId: agent.id,
          name: agent.name,
          issuer: deps.issuer,
          tokenEndpoint: deps.tokenEndpoint,
          resource: deps.defaultResource,
          key: { ...publicJwk, d, kid: thumbprint, alg: algorithm },
        };
        await writeKeyFile(file, `${JSON.stringify(content, null, 2)}\n`, deps.random);
      });
      return { key, file };
    },

    async adopt(agentId, { thumbprint, algorithm, jwk }) {
      const key = { id: ids.next('key'), agentId, thumbprint, algorithm, jwk };
      const stored: AgentKey = { ...key, createdAt: clock.now() };
      if ((await store.insertKey(stored)) === 'taken') throw new AppError('IDENTITY_KEY_TAKEN');
      put(stored);
    },

    add: (agentId, publicJwk, by) =>
      Promise.resolve().then(() => register(need(agentId), publicJwk, by, async () => {})),

    async revoke(keyId, by) {
      const key = [...byAgent.values()].flat().find((one) => one.id === keyId);
      if (key === undefined)
        throw new AppError('IDENTITY_UNKNOWN_CREDENTIAL', {
          params: { credential: keyId.slice(0, 64) },
        });
      const at = clock.now();
      put({ ...key, revokedAt: key.revokedAt ?? at });
      imported.delete(key.thumbprint);
      await record(
        {
          action: 'key.revoke',
          agentId: key.agentId,
          target: keyId,
          detail: { thumbprint: key.thumbprint },
          actor: by,
          at,
        },
        'restricting',
        () =>
          Promise.all([
            revocations.revoke(key.agentId, by, key.agentId),
            store.revokeKey(keyId, at),
          ]),
      );
    },

    usable: (agentId) =>
      live(agentId).flatMap((key) => {
        const publicKey = imported.get(key.thumbprint) ?? importPublicKey(key.jwk);
        if (publicKey === undefined) return [];
        imported.set(key.thumbprint, publicKey);
        return [{ ...key, publicKey }];
      }),
    list: (agentId) => byAgent.get(agentId) ?? [],
  };
}
