import { type Clock, MINUTE_MS, type Random, sha256Hex } from '../kernel/index.ts';

const LIFE_MS = 10 * MINUTE_MS;
const MAX_CODES = 32;

export interface LoginCodes {
  /** A code that lets one person sign in once within ten minutes. */
  issue(user: string): string;
  /** Uses the code up; undefined when it is wrong, used or old. */
  redeem(code: string): { readonly user: string } | undefined;
}

/** One-time codes for the consent page and the console; kept as hashes, in memory alone. */
export function createLoginCodes(clock: Clock, random: Random): LoginCodes {
  const codes = new Map<string, { user: string; expiresAt: number }>();
  return {
    issue(user) {
      const code = Buffer.from(random.bytes(18)).toString('base64url');
      if (codes.size >= MAX_CODES) {
        const oldest = codes.keys().next().value;
        if (oldest !== undefined) codes.delete(oldest);
      }
      codes.set(sha256Hex(code), { user, expiresAt: clock.now() + LIFE_MS });
      return code;
    },
    redeem(code) {
      const hash = sha256Hex(code);
      const found = codes.get(hash);
      codes.delete(hash);
      return found !== undefined && clock.now() < found.expiresAt
        ? { user: found.user }
        : undefined;
    },
  };
}
