import type { Actor } from '../../identity/index.ts';
import { AppError, sha256Hex, timingSafeEqualText } from '../../kernel/index.ts';

/** Who holds the admin token. One name for all: the token says that somebody may, not who it is. */
const USER = 'admin-token';

/** Checks `Authorization`; hashes are compared, so that neither length nor content shows in the time. */
export function createTokenCheck(adminToken: string): (authorization: string | undefined) => void {
  const expected = sha256Hex(adminToken);
  return (authorization) => {
    const given = /^Bearer ([A-Za-z0-9._~+/=-]{1,256})$/i.exec(authorization ?? '')?.[1];
    if (given === undefined || !timingSafeEqualText(sha256Hex(given), expected))
      throw new AppError('API_UNAUTHENTICATED');
  };
}

export function actorOf(channel: string | undefined, reason: string): Actor {
  return { user: USER, channel: channel === 'cli' ? 'cli' : 'api', reason };
}

/**
 * A page of another site must reach nothing here, whatever name it gives our address (DNS rebinding): Host is ours or
 * a loopback name, and a browser's Origin is this very host.
 */
export function checkReach(
  host: string | undefined,
  origin: string | undefined,
  adminUrl: string,
): void {
  const own = new URL(adminUrl);
  const allowed = [own.host, `localhost:${own.port}`, `127.0.0.1:${own.port}`, `[::1]:${own.port}`];
  const named = host?.toLowerCase();
  if (named === undefined || !allowed.includes(named))
    throw new AppError('API_FORBIDDEN', { params: { problem: 'this Host is not allowed' } });
  if (origin !== undefined && origin !== `http://${named}` && origin !== own.origin)
    throw new AppError('API_FORBIDDEN', { params: { problem: 'this Origin is not allowed' } });
}
