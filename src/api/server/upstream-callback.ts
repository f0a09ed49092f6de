import type { Hono } from 'hono';
import { sha256Base64Url } from '../../kernel/index.ts';
import type { AdminApiDeps } from './deps.ts';
import { messagePage, STYLE } from './status-page.ts';

/** Redirect URI of the gateway as OAuth client; with the admin URL before it. */
export const UPSTREAM_CALLBACK_PATH = '/oauth/upstream/callback';
const MAX_QUERY = 16_384;

/**
 * Where a browser comes back from an authorization server. Needs no sign-in: the `state` in the query is the secret of
 * the one who began the login, for one use. The page says nothing that the other side sent.
 */
export function addUpstreamCallback(
  router: Hono,
  deps: Pick<AdminApiDeps, 'upstreamOAuth' | 'logger'>,
): void {
  const csp = [
    "default-src 'none'",
    `style-src 'sha256-${Buffer.from(sha256Base64Url(STYLE), 'base64url').toString('base64')}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  const html = (status: number, title: string, text: string): Response =>
    new Response(messagePage(title, text), {
      status,
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': csp,
        'x-frame-options': 'DENY',
        'cross-origin-opener-policy': 'same-origin',
      },
    });

  router.get(UPSTREAM_CALLBACK_PATH, async (c) => {
    const { search, searchParams } = new URL(c.req.url);
    if (search.length > MAX_QUERY) return html(414, 'Not authorized', 'The answer is too long.');
    const finished = await deps.upstreamOAuth.finishLogin(searchParams);
    return finished.ok
      ? html(
          200,
          'Authorized',
          `The gateway is authorized at ${finished.value.server}. You can close this page.`,
        )
      : html(400, 'Not authorized', `The gateway was not authorized: ${finished.error.problem}.`);
  });
}
