import { type Clock, MINUTE_MS, SECOND_MS } from '../../kernel/index.ts';
import type { AgentKeys } from '../credentials/agent-keys.ts';
import type { Agent } from '../model.ts';
import type { AgentRegistry } from '../registry/registry.ts';
import { unusable } from '../registry/transitions.ts';
import { parseCompact, verifyJws } from '../tokens/jws.ts';
import { createReplayMemory, type ReplayMemory } from '../tokens/replay.ts';

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
/** Longest life of an assertion; the official SDK makes them five minutes long. */
const MAX_LIFE_MS = 5 * MINUTE_MS;
const MAX_SKEW_MS = 30 * SECOND_MS;
const MAX_JTI = 128;
/** Assertions one agent may use per ten minutes or so; a bound per agent keeps one from starving others. */
const MAX_PER_AGENT = 4096;
const TYPES = new Set<unknown>([undefined, 'JWT', 'jwt', 'client-authentication+jwt']);

export type AssertionOutcome =
  | { readonly ok: true; readonly agent: Agent }
  | { readonly ok: false; readonly reason: string };

export interface AssertionVerifier {
  /** Checks a `private_key_jwt` client assertion (RFC 7523 section 3). Never throws; each is good once. */
  verify(assertion: string): AssertionOutcome;
}

export interface AssertionVerifierDeps {
  readonly registry: AgentRegistry;
  readonly keys: AgentKeys;
  readonly clock: Clock;
  /** Accepted audiences: the issuer and the token endpoint. */
  readonly audiences: readonly string[];
}

/**
 * `iat` is required (RFC 7523 leaves it open): assertions from before this process started are
 * refused, since the memory of used ids did not survive the restart.
 */
export function createAssertionVerifier(deps: AssertionVerifierDeps): AssertionVerifier {
  const { registry, keys, clock, audiences } = deps;
  const startedAt = Math.floor(clock.now() / SECOND_MS) * SECOND_MS;
  const seen = new Map<string, ReplayMemory>();
  registry.onForget((id) => void seen.delete(id));
  const seenOf = (agentId: string): ReplayMemory => {
    let memory = seen.get(agentId);
    if (memory === undefined) {
      memory = createReplayMemory(clock, MAX_LIFE_MS + 2 * MAX_SKEW_MS, MAX_PER_AGENT);
      seen.set(agentId, memory);
    }
    return memory;
  };

  return {
    verify(assertion) {
      const refuse = (reason: string): AssertionOutcome => ({ ok: false, reason });
      const jws = parseCompact(assertion);
      if (jws === undefined) return refuse('malformed');
      const { typ, kid } = jws.header;
      // An access token or DPoP proof signed by the same key must not pass as an assertion.
      if (!TYPES.has(typ)) return refuse('wrong_type');
      const { iss, sub, aud, exp, iat, nbf, jti } = jws.payload;
      if (typeof iss !== 'string' || iss !== sub) return refuse('wrong_subject');
      const agent = registry.get(iss);
      if (agent === undefined) return refuse('unknown_agent');
      const key = keys
        .usable(agent.id)
        .find(
          (one) =>
            (kid === undefined || kid === one.thumbprint || kid === one.id) &&
            verifyJws(jws, one.publicKey, one.algorithm),
        );
      if (key === undefined) return refuse('bad_signature');
      const audience: unknown = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
      if (typeof audience !== 'string' || !audiences.includes(audience))
        return refuse('wrong_audience');
      if (!isSeconds(exp) || !isSeconds(iat) || (nbf !== undefined && !isSeconds(nbf)))
        return refuse('bad_times');
      const now = clock.now();
      if (exp * SECOND_MS <= now - MAX_SKEW_MS) return refuse('expired');
      if (exp * SECOND_MS > now + MAX_LIFE_MS + MAX_SKEW_MS) return refuse('lives_too_long');
      if (iat * SECOND_MS > now + MAX_SKEW_MS) return refuse('from_future');
      if (nbf !== undefined && nbf * SECOND_MS > now + MAX_SKEW_MS) return refuse('from_future');
      if (iat * SECOND_MS < startedAt) return refuse('before_start');
      if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI) return refuse('bad_jti');
      const problem = unusable(agent, now);
      if (problem !== undefined) return refuse(problem);
      if (!seenOf(agent.id).first(jti)) return refuse('replayed');
      return { ok: true, agent };
    },
  };
}

function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}
