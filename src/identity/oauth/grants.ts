import { createHmac } from 'node:crypto';
import {
  AppError,
  type Clock,
  DAY_MS,
  type IdSource,
  MINUTE_MS,
  type Random,
  SECOND_MS,
  sha256Base64Url,
} from '../../kernel/index.ts';
import type { Actor, OAuthGrant } from '../model.ts';
import type { IdentityStore } from '../ports.ts';
import { digestOf, type RecordChange } from '../record-change.ts';
import type { AgentRegistry } from '../registry/registry.ts';
import { ownerMark, type Revocations, userMark } from '../revocations.ts';
import type { IssueSequence } from '../tokens/sequence.ts';

/** A consent ends after this time whatever happens; the human is asked again. */
const GRANT_LIFE_MS = 30 * DAY_MS;
/** A rotated refresh token still works this long: answers get lost and clients race themselves. */
const ROTATION_GRACE_MS = MINUTE_MS;
const MAX_GRANTS = 10_000;
/** `srt_`, 128 bits that name the family, a dot, 256 bits that rotate. */
const FORM = /^srt_[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}$/;
const FAMILY_END = 26;
const SYSTEM_REUSE: Actor = {
  user: 'authorization server',
  channel: 'system',
  reason: 'a used refresh token came back',
};

export interface Grants {
  /** Stores a consent and its first refresh token. The token is returned once. */
  create(
    facts: Pick<OAuthGrant, 'clientId' | 'agentId' | 'user' | 'resource' | 'scopes' | 'boundTo'>,
    by: Actor,
  ): Promise<{ readonly grant: OAuthGrant; readonly refreshToken: string }>;
  /**
   * Uses a refresh token: a new one replaces it. For a minute the replaced token still answers, with
   * the same successor; any other return of a used token revokes the whole consent, however often it
   * was rotated since (RFC 9700 section 4.14.2). A string is the reason of a refusal.
   */
  refresh(
    token: string,
    clientId: string,
    jkt: string | undefined,
  ): Promise<{ readonly grant: OAuthGrant; readonly refreshToken: string } | string>;
  get(id: string): OAuthGrant | undefined;
  /** The consent a refresh token (current or used) belongs to. */
  find(refreshToken: string): OAuthGrant | undefined;
  list(): readonly OAuthGrant[];
  /** Ends a consent and every token from it. Throws `IDENTITY_UNKNOWN_CREDENTIAL`. */
  revoke(id: string, by: Actor): Promise<void>;
  inUse(clientId: string): boolean;
}

export interface GrantsDeps {
  readonly store: IdentityStore;
  readonly registry: AgentRegistry;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly sequence: IssueSequence;
  readonly record: RecordChange;
}

export async function createGrants(deps: GrantsDeps): Promise<Grants> {
  const { store, registry, revocations, clock, random, ids, sequence, record } = deps;
  const grants = new Map<string, OAuthGrant>();
  const byFamily = new Map<string, string>();
  // A replaced token's successor is derived, so that the answer a client lost can be given again.
  // After a restart that is not possible any more and the client has to ask its human.
  const successorKey = random.bytes(32);
  const put = (grant: OAuthGrant): void => {
    grants.set(grant.id, grant);
    byFamily.set(grant.familyHash, grant.id);
  };
  const drop = (grant: OAuthGrant): void => {
    grants.delete(grant.id);
    byFamily.delete(grant.familyHash);
  };
  for (const grant of await store.grants()) {
    if (grant.expiresAt > clock.now()) put(grant);
    else await store.deleteGrant(grant.id);
  }
  const successor = (token: string): string =>
    `${token.slice(0, FAMILY_END)}.${createHmac('sha256', successorKey).update(token).digest('base64url')}`;
  const dead = (grant: OAuthGrant): boolean =>
    [
      grant.id,
      grant.clientId,
      grant.agentId,
      userMark(grant.user),
      ...(registry.get(grant.agentId)?.owners ?? []).map(ownerMark),
    ].some((subject) => revocations.find(subject, grant.sequence) !== undefined);
  const find = (token: string): OAuthGrant | undefined => {
    if (!FORM.test(token)) return undefined;
    const id = byFamily.get(sha256Base64Url(token.slice(0, FAMILY_END)));
    return id === undefined ? undefined : grants.get(id);
  };
  const revoke = async (grant: OAuthGrant, by: Actor): Promise<void> => {
    drop(grant);
    await record(
      {
        action: 'grant.revoke',
        agentId: grant.agentId,
        target: grant.id,
        detail: { client: grant.clientId },
        actor: by,
        at: clock.now(),
      },
      'restricting',
      // Both at once: the mark is in force before anything is awaited, and neither waits for the other.
      () =>
        Promise.all([revocations.revoke(grant.id, by, grant.agentId), store.deleteGrant(grant.id)]),
    );
  };

  return {
    async create(facts, by) {
      const now = clock.now();
      for (const grant of grants.values())
        if (grant.expiresAt <= now) {
          drop(grant);
          await store.deleteGrant(grant.id);
        }
      if (grants.size >= MAX_GRANTS)
        throw new AppError('IDENTITY_LIMIT', { params: { limit: MAX_GRANTS, what: 'consents' } });
      const family = `srt_${Buffer.from(random.bytes(16)).toString('base64url')}`;
      const token = `${family}.${Buffer.from(random.bytes(32)).toString('base64url')}`;
      const grant: OAuthGrant = {
        id: ids.next('token'),
        ...facts,
        createdAt: now,
        expiresAt: now + GRANT_LIFE_MS,
        sequence: sequence.next(),
        familyHash: sha256Base64Url(family),
        refreshHash: sha256Base64Url(token),
      };
      await record(
        {
          action: 'grant.create',
          agentId: grant.agentId,
          target: grant.id,
          after: digestOf(grant),
          detail: { client: grant.clientId, resource: grant.resource },
          actor: by,
          at: now,
        },
        'widening',
        async () => {
          await store.insertGrant(grant);
          put(grant);
        },
      );
      return { grant, refreshToken: token };
    },

    async refresh(presented, clientId, jkt) {
      const grant = find(presented);
      if (grant === undefined || grant.clientId !== clientId) return 'unknown_refresh_token';
      const now = clock.now();
      if (grant.expiresAt <= now || dead(grant)) return 'expired_or_revoked';
      if (grant.boundTo !== undefined && grant.boundTo !== jkt) return 'wrong_dpop_key';
      const hash = sha256Base64Url(presented);
      const token = successor(presented);
      if (hash !== grant.refreshHash) {
        const inGrace = now - (grant.rotatedAt ?? 0) <= ROTATION_GRACE_MS;
        if (hash === grant.previousHash && inGrace)
          return sha256Base64Url(token) === grant.refreshHash
            ? { grant, refreshToken: token }
            : 'replaced_before_restart';
        await revoke(grant, SYSTEM_REUSE);
        return 'reused';
      }
      const next: OAuthGrant = {
        ...grant,
        refreshHash: sha256Base64Url(token),
        previousHash: hash,
        rotatedAt: now,
      };
      put(next);
      if (!(await store.replaceGrant(next, hash))) {
        drop(next);
        return 'raced';
      }
      return { grant: next, refreshToken: token };
    },

    get: (id) => grants.get(id),
    find,
    list: () => [...grants.values()],
    async revoke(id, by) {
      const grant = grants.get(id);
      if (grant === undefined)
        throw new AppError('IDENTITY_UNKNOWN_CREDENTIAL', {
          params: { credential: id.slice(0, 64) },
        });
      await revoke(grant, by);
    },
    inUse: (clientId) => grants.values().some((grant) => grant.clientId === clientId),
  };
}

/** Codes live this long; RFC 6749 section 4.1.2 allows ten minutes, a browser redirect needs seconds. */
export const CODE_LIFE_MS = 60 * SECOND_MS;
