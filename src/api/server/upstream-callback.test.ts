import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { createNullLogger } from '../../kernel/index.ts';
import type { AdminApiDeps } from './deps.ts';
import { addUpstreamCallback, UPSTREAM_CALLBACK_PATH } from './upstream-callback.ts';

type Finish = AdminApiDeps['upstreamOAuth']['finishLogin'];

function routerWith(finishLogin: Finish): Hono {
  const router = new Hono();
  const upstreamOAuth = { finishLogin } as AdminApiDeps['upstreamOAuth'];
  addUpstreamCallback(router, { upstreamOAuth, logger: createNullLogger() });
  return router;
}

test('hands the whole query over and says at which server the gateway is authorized', async () => {
  const seen: string[] = [];
  const router = routerWith(async (query) => {
    seen.push(query.toString());
    return { ok: true, value: { server: 'files' } };
  });
  const response = await router.request(`${UPSTREAM_CALLBACK_PATH}?code=c&state=s&state=t`);
  expect(response.status).toBe(200);
  expect(seen).toEqual(['code=c&state=s&state=t']);
  expect(await response.text()).toContain('authorized at files');
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
});

test('repeats nothing of what the browser brought, and escapes what it says', async () => {
  const router = routerWith(async () => ({ ok: false, error: { problem: '<b>no</b>' } }));
  const response = await router.request(
    `${UPSTREAM_CALLBACK_PATH}?error=access_denied&error_description=%3Cscript%3E`,
  );
  expect(response.status).toBe(400);
  const text = await response.text();
  expect(text).not.toContain('<script>');
  expect(text).not.toContain('<b>no</b>');
});

test('reads no query that is longer than any answer', async () => {
  const router = routerWith(async () => {
    throw new Error('must not be asked');
  });
  const response = await router.request(`${UPSTREAM_CALLBACK_PATH}?state=${'x'.repeat(20_000)}`);
  expect(response.status).toBe(414);
});
