import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAuditLog, openSigningKey } from '../../audit/index.ts';
import {
  createIdentity,
  createMemoryIdentityStore,
  createResourceDirectory,
  type Identity,
  type IdentityChange,
} from '../../identity/index.ts';
import { createFakeClock, createNullLogger, createSeededRandom } from '../../kernel/index.ts';
import { PERMISSIONS, PROBLEM, ROUTES, type RouteSpec } from '../contract/index.ts';
import { createRouter, MAX_BODY_BYTES } from './create-router.ts';
import type { AdminApiDeps } from './deps.ts';
import { createTails } from './tail.ts';

const URL_ = 'http://127.0.0.1:7401';
const TOKEN = `sat_${'a'.repeat(43)}`;
const HOSTILE = '<img src=x onerror=alert(1)>\u202e"\'`\u0000\u001b[31m';

let directory = '';
let identity: Identity;
let changes: IdentityChange[];
let recorded: unknown[];
let router: ReturnType<typeof createRouter>;
let deps: AdminApiDeps;
const clock = createFakeClock();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-api-'));
  const random = createSeededRandom(3);
  changes = [];
  recorded = [];
  identity = await createIdentity({
    store: createMemoryIdentityStore(),
    directory,
    resources: createResourceDirectory({ publicUrl: 'http://127.0.0.1:7400', paths: () => [] }),
    onChange: (change) => void changes.push(change),
    verifyHuman: () => undefined,
    clock,
    random,
    logger: createNullLogger(),
  });
  const codes = new Map<string, string>();
  deps = {
    version: '0.0.0',
    mcpUrl: 'http://127.0.0.1:7400/mcp',
    adminUrl: URL_,
    adminToken: TOKEN,
    identity,
    policy: {
      status: () => ({ version: 'p_1', mode: 'enforce', policies: [] }) as never,
      check: () => Promise.reject(new Error('secret detail')),
      explain: () => ({ decision: {}, holding: [], nearMisses: [] }) as never,
      version: () => 'p_1',
    },
    audit: {
      append: (record: unknown) => {
        recorded.push(record);
        return Promise.resolve({ seq: 0, hash: '' });
      },
      healthy: () => true,
      head: () => ({ seq: 7, hash: 'f'.repeat(64) }),
      dir: directory,
    },
    auditIndex: {
      query: () =>
        Promise.resolve({
          indexedTo: 1,
          records: [
            {
              seq: 0,
              hash: 'h',
              type: 'decision' as const,
              time: clock.now(),
              actor: { agent: HOSTILE, agentId: 'a', owner: 'o' },
              server: HOSTILE,
              target: HOSTILE,
              effect: HOSTILE,
              detail: { reasons: [{ message: HOSTILE }] },
            },
          ],
        }),
    },
    tools: () => [{ name: HOSTILE, description: HOSTILE }],
    servers: () => [
      {
        server: 's',
        transport: 'stdio',
        state: 'failed',
        era: undefined,
        revision: undefined,
        connections: 0,
        restarts: 0,
        lastError: HOSTILE,
      },
    ],
    edge: () => ({ sessions: 0, calls: 0, streams: 0, asks: 0 }),
    reload: () => Promise.resolve(),
    loginCodes: {
      issue(user: string) {
        codes.set('once', user);
        return 'once';
      },
      redeem(code: string) {
        const user = codes.get(code);
        codes.delete(code);
        return user === undefined ? undefined : { user };
      },
    },
    clock,
    random,
    logger: createNullLogger(),
  } as unknown as AdminApiDeps;
  router = createRouter(deps, createTails(deps));
});
afterEach(async () => {
  identity.close();
  await rm(directory, { recursive: true, force: true });
});

interface Sent {
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
}
const send = (path: string, { method = 'GET', headers = {}, body }: Sent = {}) =>
  router.fetch(
    new Request(`${URL_}${path}`, {
      method,
      headers: {
        host: '127.0.0.1:7401',
        authorization: `Bearer ${TOKEN}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    }),
  );
const post = (path: string, body: unknown, headers = {}) =>
  send(path, { method: 'POST', body, headers });
const codeOf = async (response: Response): Promise<string> =>
  PROBLEM.parse(await response.json()).code;
const filled = (path: string): string => path.replace(/\{\w+\}/g, 'x');

describe('the contract', () => {
  const specs = Object.entries(ROUTES) as [string, RouteSpec][];

  test('states permission, stability and first version of every route, and the router has no other', () => {
    for (const [id, spec] of specs) {
      expect(PERMISSIONS, id).toContain(spec.permission);
      expect(['stable', 'beta'], id).toContain(spec.stability);
      expect(spec.since, id).toMatch(/^\d+\.\d+\.\d+$/);
      expect(spec.summary.length, id).toBeGreaterThan(10);
      expect(spec.path, id).toMatch(/^\/v1\//);
    }
    const mounted = router.routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path}`)
      // Where a browser comes back to from a server's sign-in; guarded by its own state.
      .filter((route) => route !== 'GET /oauth/upstream/callback')
      .sort();
    const known = specs.map(
      ([, { method, path }]) => `${method} ${path.replace(/\{(\w+)\}/g, ':$1')}`,
    );
    expect(mounted).toEqual([...known, 'GET /', 'GET /livez', 'GET /login', 'POST /logout'].sort());
  });

  test.each(specs)('%s answers nobody without the token', async (_id, { method, path }) => {
    for (const authorization of ['', 'Bearer x', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`]) {
      const response = await send(filled(path), { method, headers: { authorization } });
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      expect(await codeOf(response)).toBe('API_UNAUTHENTICATED');
    }
  });

  test.each(specs.filter(([, { mutates }]) => mutates))(
    '%s changes nothing without a reason',
    async (_id, { method, path }) => {
      for (const body of [{}, { reason: '' }, { reason: '  ' }, { reason: 'x'.repeat(501) }]) {
        const response = await send(filled(path), { method, body });
        expect(response.status).toBe(400);
      }
      expect(changes).toEqual([]);
      expect(recorded).toEqual([]);
    },
  );
});

describe('reach', () => {
  test.each([
    ['a name that is not ours', { host: 'evil.example:7401' }],
    ['our name at another port', { host: '127.0.0.1:80' }],
    ['a page of another site', { origin: 'https://evil.example' }],
    ['a local page of another port', { origin: 'http://127.0.0.1:3000' }],
    ['a sandboxed page', { origin: 'null' }],
  ])('%s is refused, for the status page too', async (_what, headers) => {
    for (const path of ['/v1/status', '/', '/login?code=once', '/livez']) {
      const response = await send(path, { headers: headers as unknown as Record<string, string> });
      expect(response.status).toBe(403);
    }
  });

  test('our own origin is let in', async () => {
    expect(
      (await send('/v1/status', { headers: { origin: 'http://127.0.0.1:7401' } })).status,
    ).toBe(200);
  });

  test('bodies are bounded, JSON, and hold only what the route knows', async () => {
    const big = await post('/v1/reload', JSON.stringify({ reason: 'x'.repeat(MAX_BODY_BYTES) }));
    expect([big.status, await codeOf(big)]).toEqual([413, 'API_BODY_TOO_LARGE']);
    expect((await post('/v1/reload', '{')).status).toBe(400);
    expect((await post('/v1/reload', { reason: 'because', more: 1 })).status).toBe(400);
    const form = await post('/v1/reload', 'reason=because', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(form.status).toBe(400);
  });

  test('a fault inside says nothing of itself', async () => {
    const response = await send('/v1/policy/check');
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toContain('secret detail');
    expect(JSON.parse(text)).toMatchObject({ code: 'INTERNAL' });
  });

  test('an unknown path is a problem too', async () => {
    expect(await codeOf(await send('/v1/nothing'))).toBe('API_NOT_FOUND');
  });
});

describe('agents', () => {
  test('registering makes a key, activates, and is recorded with who, how and why', async () => {
    const response = await post(
      '/v1/agents',
      { name: 'deploy', owners: ['a@example.com'], purpose: 'Deploys.', reason: 'for the release' },
      { 'sallyport-channel': 'cli' },
    );
    expect(response.status).toBe(200);
    const { agent, keyFile } = ROUTES['agents.register'].response.parse(await response.json());
    expect(agent).toMatchObject({ name: 'deploy', state: 'active', liveKeys: 1 });
    expect(keyFile).toContain('deploy-key_');
    expect(changes.map(({ action, actor }) => [action, actor.channel, actor.reason])).toEqual([
      ['agent.register', 'cli', 'for the release'],
      ['key.add', 'cli', 'for the release'],
      ['agent.transition', 'cli', 'for the release'],
    ]);
    const shown = await (await send('/v1/agents/deploy')).json();
    expect(ROUTES['agents.get'].response.parse(shown).keys).toHaveLength(1);
    expect(JSON.stringify(shown)).not.toMatch(/"d"|jwk/);
  });

  test('states follow the rules of the registry', async () => {
    await post('/v1/agents', {
      name: 'a',
      owners: ['a@example.com'],
      purpose: 'P.',
      reason: 'test it',
    });
    const to = (state: string) => post('/v1/agents/a/state', { to: state, reason: 'test it' });
    expect((await to('quarantined')).status).toBe(200);
    const refused = await to('active');
    expect([refused.status, await codeOf(refused)]).toEqual([409, 'IDENTITY_TRANSITION_REFUSED']);
    expect((await to('suspended')).status).toBe(200);
  });

  test('a bootstrap token is shown once and works as a credential until it is revoked', async () => {
    await post('/v1/agents', {
      name: 'a',
      owners: ['a@example.com'],
      purpose: 'P.',
      reason: 'test it',
    });
    const made = ROUTES['bootstraps.create'].response.parse(
      await (await post('/v1/agents/a/bootstrap-tokens', { reason: 'test it' })).json(),
    );
    expect(identity.bootstraps.find(made.token)?.revokedAt).toBeUndefined();
    expect(await (await send('/v1/agents/a')).text()).not.toContain(made.token);
    expect(
      (await post(`/v1/bootstrap-tokens/${made.id}/revoke`, { reason: 'test it' })).status,
    ).toBe(200);
    expect(identity.bootstraps.find(made.token)?.revokedAt).toBeDefined();
  });

  test('an unknown agent is said to be unknown, without its name running away', async () => {
    const response = await send(`/v1/agents/${encodeURIComponent('<b>x')}`);
    expect(response.status).toBe(404);
    expect(await response.text()).not.toContain('<b>');
  });
});

describe('the status page', () => {
  const login = async (): Promise<string> => {
    await post('/v1/login-codes', { reason: 'look at it' });
    const response = await send('/login?code=once', { headers: { authorization: '' } });
    expect(response.status).toBe(303);
    return response.headers.get('set-cookie') ?? '';
  };

  test('needs a sign-in, whose code works once', async () => {
    expect((await send('/')).status).toBe(401);
    const cookie = await login();
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
    expect((await send('/login?code=once')).status).toBe(401);
    const page = await send('/', { headers: { cookie: cookie.split(';')[0]! } });
    expect(page.status).toBe(200);
    expect(recorded).toHaveLength(1);
  });

  test('its cookie is no key to the API', async () => {
    const cookie = (await login()).split(';')[0]!;
    expect((await send('/v1/status', { headers: { cookie, authorization: '' } })).status).toBe(401);
  });

  test('shows hostile text as text, under a policy without scripts', async () => {
    const cookie = (await login()).split(';')[0]!;
    const page = await send('/', { headers: { cookie } });
    const html = await page.text();
    expect(html).not.toContain('<img');
    expect(html).not.toContain('\u202e');
    expect(html).not.toContain('\u001b');
    expect(html).toContain('&#60;img src=x onerror=alert(1)&#62;\\u{202e}');
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(html).not.toMatch(/<script|<[^>]*\s(on\w+|style)=/);
  });

  test('ends with sign-out and with time', async () => {
    const cookie = (await login()).split(';')[0]!;
    await send('/logout', { method: 'POST', headers: { cookie } });
    expect((await send('/', { headers: { cookie } })).status).toBe(401);
    const second = (await login()).split(';')[0]!;
    clock.advance(8 * 3_600_000);
    expect((await send('/', { headers: { cookie: second } })).status).toBe(401);
  });
});

describe('the audit stream', () => {
  test('goes on after Last-Event-ID, with the sequence number as the id', async () => {
    const log = await createAuditLog({
      dir: join(directory, 'audit'),
      clock,
      random: createSeededRandom(5),
      signer: await openSigningKey(directory),
    });
    const record = (agent: string) =>
      log.append({
        type: 'decision',
        time: clock.now(),
        actor: { agent, agentId: '', owner: '' },
        effect: 'deny',
      });
    const first = await record('one');
    await record('two');
    const other = { ...deps, audit: { ...deps.audit, dir: log.dir, head: () => log.head() } };
    const tails = createTails(other);
    router = createRouter(other, tails);
    const response = await send('/v1/audit/events', {
      headers: { 'last-event-id': String(first.seq) },
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const reader = response.body!.getReader();
    let text = '';
    while (!text.includes('data:')) text += new TextDecoder().decode((await reader.read()).value);
    expect(text).toContain(`id: ${first.seq + 1}\n`);
    expect(text).toContain('"agent":"two"');
    expect(text).not.toContain('"agent":"one"');
    await reader.cancel();
    tails.close();
    await log.close();
  });
});
