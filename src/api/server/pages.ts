import type { Hono } from 'hono';
import { getCookie } from 'hono/cookie';
import { HOUR_MS, sha256Base64Url } from '../../kernel/index.ts';
import type { AdminApiDeps } from './deps.ts';
import { loginPage, STYLE, statusPage } from './status-page.ts';

const COOKIE = 'sallyport_session';
const LIFE_MS = 8 * HOUR_MS;
const MAX_SESSIONS = 64;
const RECENT = 30;

/**
 * The status page and its sign-in. The cookie opens this page only: the API takes the admin token and nothing else, so
 * that a page of another site can't act with it.
 */
export function addPages(router: Hono, deps: AdminApiDeps): void {
  const { clock } = deps;
  const sessions = new Map<string, { user: string; expiresAt: number }>();
  const csp = [
    "default-src 'none'",
    `style-src 'sha256-${Buffer.from(sha256Base64Url(STYLE), 'base64url').toString('base64')}'`,
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
  const html = (text: string, status = 200, headers: Record<string, string> = {}): Response =>
    new Response(text, {
      status,
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': csp,
        'x-frame-options': 'DENY',
        'cross-origin-opener-policy': 'same-origin',
        ...headers,
      },
    });
  const userOf = (cookie: string | undefined): string | undefined => {
    const found = cookie === undefined ? undefined : sessions.get(sha256Base64Url(cookie));
    return found !== undefined && found.expiresAt > clock.now() ? found.user : undefined;
  };

  router.get('/', async (c) => {
    const user = userOf(getCookie(c, COOKIE));
    if (user === undefined) return html(loginPage(undefined), 401);
    const { records } = await deps.auditIndex.query({ type: 'decision' }, { limit: RECENT });
    return html(
      statusPage({
        user,
        version: deps.version,
        mcpUrl: deps.mcpUrl,
        now: clock.now(),
        auditHealthy: deps.audit.healthy(),
        auditHead: deps.audit.head(),
        policy: deps.policy.status(),
        servers: deps.servers().map((status) => ({
          ...status,
          tools: deps.tools(status.server)?.length,
        })),
        agents: deps.identity.registry.list(),
        decisions: records,
      }),
    );
  });

  router.get('/login', (c) => {
    const code = c.req.query('code') ?? '';
    const who = code.length > 128 ? undefined : deps.loginCodes.redeem(code);
    if (who === undefined)
      return html(loginPage('This code was used already, or is too old.'), 401);
    for (const [key, { expiresAt }] of sessions)
      if (expiresAt <= clock.now() || sessions.size >= MAX_SESSIONS) sessions.delete(key);
    const secret = Buffer.from(deps.random.bytes(32)).toString('base64url');
    sessions.set(sha256Base64Url(secret), { user: who.user, expiresAt: clock.now() + LIFE_MS });
    return html('', 303, {
      location: '/',
      'set-cookie': `${COOKIE}=${secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${LIFE_MS / 1000}`,
    });
  });

  router.post('/logout', (c) => {
    const cookie = getCookie(c, COOKIE);
    if (cookie !== undefined) sessions.delete(sha256Base64Url(cookie));
    return html('', 303, {
      location: '/',
      'set-cookie': `${COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`,
    });
  });
}
