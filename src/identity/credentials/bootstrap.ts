import {
  AppError,
  type Clock,
  HOUR_MS,
  type IdSource,
  MINUTE_MS,
  type Random,
  sha256Base64Url,
} from '../../kernel/index.ts';
import type { Actor, BootstrapCredential } from '../model.ts';
import type { IdentityStore } from '../ports.ts';
import type { RecordChange } from '../record-change.ts';
import type { AgentRegistry } from '../registry/registry.ts';
import { unusable } from '../registry/transitions.ts';
import type { Revocations } from '../revocations.ts';
import type { IssueSequence } from '../tokens/sequence.ts';

/** Tells a bootstrap token from a JWT at a glance, and lets secret scanners find it. */
export const BOOTSTRAP_PREFIX = 'sbt_';
const DEFAULT_LIFE_MS = 60 * MINUTE_MS;
const MAX_LIFE_MS = 24 * HOUR_MS;
const MAX_PER_AGENT = 8;
const FORM = /^sbt_[A-Za-z0-9_-]{43}$/;

export interface Bootstraps {
  /**
   * A bearer token for the agent's first minutes: 256 random bits, returned once, kept as a hash.
   * `lifeMs` is 1 minute to 24 hours, default 60 minutes. Throws `IDENTITY_UNKNOWN_AGENT`,
   * `IDENTITY_INVALID` (life, or the agent is not usable), `IDENTITY_LIMIT`.
   */
  issue(
    agentId: string,
    by: Actor,
    lifeMs?: number,
  ): Promise<{ readonly id: string; readonly token: string; readonly expiresAt: number }>;
  /** Dead for the next call. Throws `IDENTITY_UNKNOWN_CREDENTIAL`. */
  revoke(id: string, by: Actor): Promise<void>;
  /** The credential a token is, whatever its state; undefined for anything else. */
  find(token: string): BootstrapCredential | undefined;
  list(agentId: string): readonly BootstrapCredential[];
}

export interface BootstrapsDeps {
  readonly store: IdentityStore;
  readonly registry: AgentRegistry;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly sequence: IssueSequence;
  readonly record: RecordChange;
}

export async function createBootstraps(deps: BootstrapsDeps): Promise<Bootstraps> {
  const { store, registry, revocations, clock, random, ids, sequence, record } = deps;
  await store.deleteBootstrapsExpiredBefore(clock.now());
  const byHash = new Map<string, BootstrapCredential>();
  for (const credential of await store.bootstraps()) byHash.set(credential.hash, credential);

  const list = (agentId: string): readonly BootstrapCredential[] =>
    [...byHash.values()].filter((credential) => credential.agentId === agentId);
  const dropExpired = (now: number): void => {
    for (const [hash, credential] of byHash) if (credential.expiresAt <= now) byHash.delete(hash);
  };

  return {
    async issue(agentId, by, lifeMs = DEFAULT_LIFE_MS) {
      const agent = registry.get(agentId);
      if (agent === undefined)
        throw new AppError('IDENTITY_UNKNOWN_AGENT', { params: { agent: agentId.slice(0, 64) } });
      const now = clock.now();
      // A bootstrap token says nothing of a chain: it would free a sub-agent of what bounds it.
      const problem =
        agent.kind === undefined
          ? unusable(agent, now)
          : 'instances and sub-agents get tokens with their own key only';
      if (problem !== undefined)
        throw new AppError('IDENTITY_INVALID', { params: { field: 'agent', problem } });
      if (!Number.isSafeInteger(lifeMs) || lifeMs < MINUTE_MS || lifeMs > MAX_LIFE_MS)
        throw new AppError('IDENTITY_INVALID', {
          params: { field: 'lifeMs', problem: 'use 1 minute to 24 hours' },
        });
      dropExpired(now);
      if (list(agentId).filter((one) => one.revokedAt === undefined).length >= MAX_PER_AGENT)
        throw new AppError('IDENTITY_LIMIT', {
          params: { limit: MAX_PER_AGENT, what: 'bootstrap tokens of this agent' },
        });
      const token = BOOTSTRAP_PREFIX + Buffer.from(random.bytes(32)).toString('base64url');
      const credential: BootstrapCredential = {
        id: ids.next('token'),
        agentId,
        hash: sha256Base64Url(token),
        createdAt: now,
        expiresAt: Math.min(now + lifeMs, agent.expiresAt),
        sequence: sequence.next(),
      };
      await record(
        {
          action: 'bootstrap.issue',
          agentId,
          target: credential.id,
          detail: { expiresAt: credential.expiresAt },
          actor: by,
          at: now,
        },
        'widening',
        async () => {
          await store.insertBootstrap(credential);
          byHash.set(credential.hash, credential);
        },
      );
      return { id: credential.id, token, expiresAt: credential.expiresAt };
    },

    async revoke(id, by) {
      const credential = byHash.values().find((one) => one.id === id);
      if (credential === undefined)
        throw new AppError('IDENTITY_UNKNOWN_CREDENTIAL', {
          params: { credential: id.slice(0, 64) },
        });
      const at = clock.now();
      byHash.set(credential.hash, { ...credential, revokedAt: at });
      await record(
        { action: 'bootstrap.revoke', agentId: credential.agentId, target: id, actor: by, at },
        'restricting',
        () =>
          Promise.all([
            revocations.revoke(id, by, credential.agentId),
            store.revokeBootstrap(id, at),
          ]),
      );
    },

    find: (token) => (FORM.test(token) ? byHash.get(sha256Base64Url(token)) : undefined),
    list,
  };
}
