import type { KeyObject } from 'node:crypto';
import { type Clock, SECOND_MS, sha256Base64Url, timingSafeEqualText } from '../../kernel/index.ts';
import { importPublicKey, type PublicKey, readPublicJwk } from '../keys/jwk.ts';
import type { KeyAlgorithm } from '../model.ts';
import { parseCompact, verifyJws } from './jws.ts';
import { createReplayMemory } from './replay.ts';

/** How old a proof may be, and how far ahead the client's clock. */
const MAX_AGE_MS = 60 * SECOND_MS;
const MAX_AHEAD_MS = 10 * SECOND_MS;
const MAX_CACHED_KEYS = 4096;
const MAX_PROOF_LENGTH = 4096;

export const DPOP_ALGORITHMS: readonly KeyAlgorithm[] = ['ES256', 'EdDSA'];

export interface DpopExpectation {
  readonly proof: string;
  readonly method: string;
  /** Our configured URL of the endpoint, never made from a header of the request. */
  readonly url: string;
  /** Present at a resource: the token the proof must be for (`ath`). */
  readonly accessToken?: string;
}

export type DpopOutcome =
  | { readonly ok: true; readonly jkt: string; readonly key: PublicKey }
  | { readonly ok: false; readonly reason: string };

export interface DpopVerifier {
  /** The checklist of RFC 9449 section 4.3. Never throws; each proof is accepted once. */
  verify(expected: DpopExpectation): DpopOutcome;
}

/**
 * Proof of possession. Proofs from before this process started are refused, because the memory of
 * used ids did not survive. The memory is per process: replicas need sticky routing or a shared one.
 */
export function createDpopVerifier(clock: Clock): DpopVerifier {
  const startedAt = Math.floor(clock.now() / SECOND_MS) * SECOND_MS;
  const seen = createReplayMemory(clock, MAX_AGE_MS + MAX_AHEAD_MS);
  const keys = new Map<string, KeyObject>();

  const keyFor = (jkt: string, load: () => KeyObject | undefined): KeyObject | undefined => {
    const cached = keys.get(jkt);
    if (cached !== undefined) return cached;
    const key = load();
    if (key === undefined) return undefined;
    if (keys.size >= MAX_CACHED_KEYS) {
      const oldest = keys.keys().next().value;
      if (oldest !== undefined) keys.delete(oldest);
    }
    keys.set(jkt, key);
    return key;
  };

  return {
    verify({ proof, method, url, accessToken }) {
      const refuse = (reason: string): DpopOutcome => ({ ok: false, reason });
      if (proof.length > MAX_PROOF_LENGTH) return refuse('dpop_malformed');
      const jws = parseCompact(proof);
      if (jws === undefined) return refuse('dpop_malformed');
      if (jws.header['typ'] !== 'dpop+jwt') return refuse('dpop_wrong_type');
      const publicKey = readPublicJwk(jws.header['jwk']);
      if (publicKey === undefined) return refuse('dpop_bad_key');
      const { jti, htm, htu, iat, ath } = jws.payload;
      if (typeof jti !== 'string' || jti.length === 0 || jti.length > 128)
        return refuse('dpop_bad_jti');
      if (htm !== method) return refuse('dpop_wrong_method');
      if (typeof htu !== 'string' || !sameUrl(htu, url)) return refuse('dpop_wrong_url');
      if (typeof iat !== 'number' || !Number.isFinite(iat)) return refuse('dpop_bad_time');
      const issued = iat * SECOND_MS;
      const now = clock.now();
      if (issued < now - MAX_AGE_MS || issued < startedAt) return refuse('dpop_too_old');
      if (issued > now + MAX_AHEAD_MS) return refuse('dpop_from_future');
      if (
        accessToken !== undefined &&
        (typeof ath !== 'string' || !timingSafeEqualText(ath, sha256Base64Url(accessToken)))
      )
        return refuse('dpop_wrong_token');
      const key = keyFor(publicKey.thumbprint, () => importPublicKey(publicKey.jwk));
      if (key === undefined || !verifyJws(jws, key, publicKey.algorithm))
        return refuse('dpop_bad_signature');
      // Last, so that only genuine proofs are remembered.
      if (!seen.first(`${publicKey.thumbprint}.${jti}`)) return refuse('dpop_replayed');
      return { ok: true, jkt: publicKey.thumbprint, key: publicKey };
    },
  };
}

/** RFC 9449 section 4.3 step 9: scheme and syntax based normalisation, without query and fragment. */
function sameUrl(claimed: string, ours: string): boolean {
  if (claimed === ours) return true;
  if (claimed.length > 2048) return false;
  try {
    const url = new URL(claimed);
    const expected = new URL(ours);
    return url.origin === expected.origin && url.pathname === expected.pathname;
  } catch {
    return false;
  }
}
