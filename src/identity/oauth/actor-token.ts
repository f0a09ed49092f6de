import { type Clock, MINUTE_MS, SECOND_MS } from '../../kernel/index.ts';
import { importPublicKey, type PublicKey, readPublicJwk } from '../keys/jwk.ts';
import { parseCompact, verifyJws } from '../tokens/jws.ts';
import { createReplayMemory } from '../tokens/replay.ts';

/** `typ` of a child's proof, so that no other JWT of the same key can pass for one. */
export const ACTOR_TOKEN_TYP = 'sallyport-actor+jwt';
const MAX_LIFE_MS = 5 * MINUTE_MS;
const MAX_SKEW_MS = 30 * SECOND_MS;

export type ActorTokenOutcome =
  | { readonly ok: true; readonly key: PublicKey }
  | { readonly ok: false; readonly reason: string };

export interface ActorTokenVerifier {
  /**
   * The `actor_token` of an exchange that makes a child: a JWT with the child's public key as `jwk` in its header, signed by
   * that key, for us, 5 minutes old at most, and good once. It proves that somebody who takes part holds the key the token
   * will be bound to. Never throws.
   */
  verify(token: string): ActorTokenOutcome;
}

export function createActorTokenVerifier(
  clock: Clock,
  audiences: readonly string[],
): ActorTokenVerifier {
  const startedAt = Math.floor(clock.now() / SECOND_MS) * SECOND_MS;
  const seen = createReplayMemory(clock, MAX_LIFE_MS + 2 * MAX_SKEW_MS);
  return {
    verify(token) {
      const refuse = (reason: string): ActorTokenOutcome => ({ ok: false, reason });
      const jws = parseCompact(token);
      if (jws === undefined) return refuse('malformed');
      if (jws.header['typ'] !== ACTOR_TOKEN_TYP) return refuse('wrong_type');
      const key = readPublicJwk(jws.header['jwk']);
      const publicKey = key === undefined ? undefined : importPublicKey(key.jwk);
      if (key === undefined || publicKey === undefined) return refuse('bad_key');
      const { aud, iat, exp, jti } = jws.payload;
      if (typeof aud !== 'string' || !audiences.includes(aud)) return refuse('wrong_audience');
      if (typeof iat !== 'number' || typeof exp !== 'number') return refuse('bad_times');
      const now = clock.now();
      if (!(exp * SECOND_MS > now - MAX_SKEW_MS)) return refuse('expired');
      if (!(exp * SECOND_MS <= now + MAX_LIFE_MS + MAX_SKEW_MS)) return refuse('lives_too_long');
      if (!(iat * SECOND_MS <= now + MAX_SKEW_MS)) return refuse('from_future');
      if (!(iat * SECOND_MS >= startedAt)) return refuse('before_start');
      if (typeof jti !== 'string' || jti === '' || jti.length > 128) return refuse('bad_jti');
      if (!verifyJws(jws, publicKey, key.algorithm)) return refuse('bad_signature');
      if (!seen.first(`${key.thumbprint}.${jti}`)) return refuse('replayed');
      return { ok: true, key };
    },
  };
}
