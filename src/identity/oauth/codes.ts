import { type Clock, type Random, sha256Base64Url } from '../../kernel/index.ts';
import { userMark } from '../revocations.ts';
import { CODE_LIFE_MS } from './grants.ts';

const MAX_CODES = 10_000;

/** All that an authorization code stands for. */
export interface CodeFacts {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly challenge: string;
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly agentId: string;
  readonly user: string;
}

interface Entry {
  readonly facts: CodeFacts;
  readonly expiresAt: number;
  state: 'fresh' | 'used';
  /** Consent that the first use made. */
  grantId?: string;
}

export interface Codes {
  issue(facts: CodeFacts): string;
  /**
   * Takes the code out of circulation whatever the caller then finds wrong with the request:
   * a code gets one attempt. `reused` names the consent of the first use, to be revoked
   * (RFC 6749 section 4.1.2).
   */
  take(
    code: string,
  ):
    | { readonly kind: 'fresh'; readonly facts: CodeFacts; used(grantId: string): void }
    | { readonly kind: 'reused'; readonly grantId: string | undefined }
    | { readonly kind: 'unknown' };
  /** Codes not yet used that stand for this agent, client or (as `userMark`) user are unknown from now on. */
  drop(id: string): void;
}

/** Single-use authorization codes of 256 bits, kept in memory as hashes for 60 seconds. */
export function createCodes(clock: Clock, random: Random): Codes {
  const entries = new Map<string, Entry>();
  const prune = (now: number): void => {
    for (const [hash, entry] of entries) {
      if (entry.expiresAt > now && entries.size < MAX_CODES) break; // oldest first
      entries.delete(hash);
    }
  };
  return {
    drop(id) {
      for (const [hash, { facts, state }] of entries) {
        const isOf = [facts.agentId, facts.clientId, userMark(facts.user)].includes(id);
        if (isOf && state === 'fresh') entries.delete(hash);
      }
    },
    issue(facts) {
      const now = clock.now();
      prune(now);
      const code = Buffer.from(random.bytes(32)).toString('base64url');
      entries.set(sha256Base64Url(code), { facts, expiresAt: now + CODE_LIFE_MS, state: 'fresh' });
      return code;
    },
    take(code) {
      const entry = entries.get(sha256Base64Url(code));
      if (entry === undefined || entry.expiresAt <= clock.now()) return { kind: 'unknown' };
      if (entry.state === 'used') return { kind: 'reused', grantId: entry.grantId };
      entry.state = 'used';
      return {
        kind: 'fresh',
        facts: entry.facts,
        used(grantId) {
          entry.grantId = grantId;
        },
      };
    },
  };
}
