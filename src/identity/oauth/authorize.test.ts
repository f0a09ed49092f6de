import { describe, expect, test } from 'vitest';
import { DAY_MS, MINUTE_MS, SECOND_MS, sha256Base64Url } from '../../kernel/index.ts';
import type { Agent } from '../model.ts';
import { userMark } from '../revocations.ts';
import {
  BY,
  createTestIdentity,
  HUMAN_CODE,
  ISSUER,
  MCP,
  type TestIdentity,
} from '../test-identity.ts';
import type { OAuthResponse } from './http.ts';
import { register } from './test-register.ts';

const VERIFIER = 'v'.repeat(43);
const REDIRECT = 'http://127.0.0.1:4000/callback';

interface Flow {
  readonly test: TestIdentity;
  readonly agent: Agent;
  readonly clientId: string;
  open(
    over?: Record<string, string | undefined>,
    headers?: Record<string, string>,
  ): Promise<OAuthResponse>;
  submit(
    page: OAuthResponse,
    form: Record<string, string>,
    headers?: Record<string, string>,
  ): Promise<OAuthResponse>;
  /** Runs both pages and returns the redirect. */
  consent(over?: Record<string, string>): Promise<URL>;
  exchange(code: string, over?: Record<string, string>): Promise<OAuthResponse>;
}

const hidden = (page: OAuthResponse): string =>
  /name="request" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
const cookieOf = (page: OAuthResponse): string =>
  (page.headers['set-cookie'] ?? '').split(';', 1)[0] ?? '';

const start = async (metadata: object = {}): Promise<Flow> => {
  const test = await createTestIdentity();
  const agent = await test.agent();
  const registered = await register(test, {
    client_name: 'Editor',
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    ...metadata,
  });
  const clientId = JSON.parse(registered.body).client_id as string;
  let cookie = '';
  const flow: Flow = {
    test,
    agent,
    clientId,
    async open(over = {}, headers = {}) {
      const parameters = new URLSearchParams();
      for (const [name, value] of Object.entries({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: REDIRECT,
        code_challenge: sha256Base64Url(VERIFIER),
        code_challenge_method: 'S256',
        state: 'st&te',
        resource: MCP,
        ...over,
      }))
        if (value !== undefined) parameters.set(name, value);
      const page = await test.get(`/oauth/authorize?${parameters}`, headers);
      cookie = cookieOf(page);
      return page;
    },
    submit: (page, form, headers = {}) =>
      test.post(
        '/oauth/authorize',
        { request: hidden(page), ...form },
        { cookie, origin: ISSUER, 'sec-fetch-site': 'same-origin', ...headers },
      ),
    async consent(over = {}) {
      const choice = await flow.submit(await flow.open(over), { secret: HUMAN_CODE });
      const done = await flow.submit(choice, { decision: 'approve', agent: agent.id });
      return new URL(done.headers['location'] ?? 'about:blank');
    },
    exchange: (code, over = {}) =>
      test.post('/oauth/token', {
        grant_type: 'authorization_code',
        client_id: clientId,
        code,
        code_verifier: VERIFIER,
        redirect_uri: REDIRECT,
        ...over,
      }),
  };
  return flow;
};
const errorOf = (response: OAuthResponse): string => JSON.parse(response.body).error;

describe('the authorization code flow', () => {
  test('ends in a token of the agent the human picked, on behalf of that human', async () => {
    const { test, agent, clientId, consent, exchange } = await start();
    const redirect = await consent();
    expect(redirect.origin + redirect.pathname).toBe(REDIRECT);
    expect(redirect.searchParams.get('state')).toBe('st&te');
    expect(redirect.searchParams.get('iss')).toBe(ISSUER);
    const response = await exchange(redirect.searchParams.get('code')!);
    const { access_token } = JSON.parse(response.body);
    expect(test.present(access_token)).toMatchObject({
      agent: { id: agent.id },
      user: 'ann@example.com',
      credential: { client: clientId },
    });
    expect(test.changes.map((change) => change.action)).toContain('grant.create');
  });

  test('can be refused by the human', async () => {
    const { open, submit } = await start();
    const choice = await submit(await open(), { secret: HUMAN_CODE });
    const { location } = (await submit(choice, { decision: 'deny' })).headers;
    expect(new URL(location!).searchParams.get('error')).toBe('access_denied');
    expect(new URL(location!).searchParams.get('iss')).toBe(ISSUER);
  });

  test('shows no agent before the human signed in', async () => {
    const { open, submit, agent } = await start();
    const first = await open();
    expect(first.body).not.toContain(agent.name);
    const wrong = await submit(first, { secret: 'wrong' });
    expect(wrong.body).not.toContain(agent.name);
    expect((await submit(wrong, { secret: HUMAN_CODE })).body).toContain(agent.name);
  });

  test('cannot skip the sign-in by posting the choice', async () => {
    const { open, submit, agent } = await start();
    const answer = await submit(await open(), { decision: 'approve', agent: agent.id });
    expect(answer.status).toBe(200);
    expect(answer.headers['location']).toBeUndefined();
    expect(answer.body).toContain('One-time code');
  });

  test('offers and accepts usable agents only', async () => {
    const { test, open, submit, agent } = await start();
    const staged = await test.identity.registry.register(
      {
        name: 'idle',
        owners: ['a@b.example'],
        purpose: 'nothing',
        expiresAt: test.clock.now() + DAY_MS,
      },
      BY,
    );
    const choice = await submit(await open(), { secret: HUMAN_CODE });
    expect(choice.body).toContain(agent.id);
    expect(choice.body).not.toContain(staged.id);
    const answer = await submit(choice, { decision: 'approve', agent: staged.id });
    expect([answer.status, answer.headers['location']]).toEqual([400, undefined]);
  });

  test.each<[string, Record<string, string | undefined>]>([
    ['an unknown client', { client_id: 'mcp_x' }],
    ['another redirect path', { redirect_uri: 'http://127.0.0.1:4000/other' }],
    ['another redirect host', { redirect_uri: 'http://localhost:4000/callback' }],
    ['a redirect that only starts alike', { redirect_uri: 'http://127.0.0.1:4000/callback/../x' }],
    ['a redirect with a query more', { redirect_uri: `${REDIRECT}?x=1` }],
    ['the implicit grant', { response_type: 'token' }],
    ['no PKCE', { code_challenge: undefined }],
    ['plain PKCE', { code_challenge_method: 'plain' }],
    ['a challenge of the wrong length', { code_challenge: 'abc' }],
    ['a resource of somebody else', { resource: 'https://evil.example/mcp' }],
    ['a huge state', { state: 'x'.repeat(3000) }],
  ])('refuses %s with a page, never with a redirect', async (_name, over) => {
    const { open } = await start();
    const answer = await open(over);
    expect(answer.status).toBe(400);
    expect(answer.headers['location']).toBeUndefined();
    expect(answer.headers['content-type']).toContain('text/html');
    expect((await open()).status).toBe(200);
  });

  test('defaults to the common endpoint when no resource is named', async () => {
    const { open } = await start();
    expect((await open({ resource: undefined })).body).toContain(MCP);
  });
});

describe('the pages', () => {
  test('run no script, cannot be framed and send the form nowhere else', async () => {
    const { open } = await start();
    const { headers, body } = await open();
    const csp = headers['content-security-policy']!;
    expect(csp).toContain("default-src 'none'");
    expect(csp).toContain("frame-ancestors 'none'");
    expect(csp).toContain("form-action 'self' http://127.0.0.1:4000;");
    expect(csp).not.toContain('unsafe-inline');
    expect(headers).toMatchObject({
      'x-frame-options': 'DENY',
      'cache-control': 'no-store',
      'referrer-policy': 'same-origin',
    });
    expect(headers['set-cookie']).toMatch(/^__Host-.*HttpOnly; SameSite=Strict;.*; Secure$/);
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect(body).not.toMatch(/<script|javascript:| on\w+=/i);
  });

  test('escape what clients and agents say of themselves', async () => {
    const { test, open, submit } = await start({ client_name: '"><script>alert(1)</script>' });
    const nasty = await test.identity.registry.register(
      {
        name: 'nasty',
        owners: ['a@b.example'],
        purpose: '</option><img src=x onerror="alert(1)">\'`&',
        expiresAt: test.clock.now() + DAY_MS,
      },
      BY,
    );
    await test.identity.registry.transition(nasty.id, 'active', BY);
    const first = await open();
    const choice = await submit(first, { secret: HUMAN_CODE });
    expect(choice.body).toContain('nasty');
    for (const { body } of [first, choice]) expect(body).not.toMatch(/<script|<img/);
  });

  test.each<[string, Record<string, string>]>([
    ['another origin', { origin: 'https://evil.example' }],
    ['an opaque origin', { origin: 'null' }],
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['no cookie', { cookie: '' }],
    ['another cookie', { cookie: `__Host-sallyport_connect=${'A'.repeat(43)}` }],
  ])('refuse a form from %s', async (_name, headers) => {
    const { open, submit } = await start();
    const page = await open();
    expect((await submit(page, { secret: HUMAN_CODE }, headers)).status).toBe(403);
    expect((await submit(page, { secret: HUMAN_CODE })).body).toContain('Choose the agent');
  });

  test('lose their name at sign-in, expire, and work once', async () => {
    const { test, agent, open, submit } = await start();
    const first = await open();
    const choice = await submit(first, { secret: HUMAN_CODE });
    expect((await submit(first, { secret: HUMAN_CODE })).status).toBe(403);
    const form = { decision: 'approve', agent: agent.id };
    expect((await submit(choice, form)).status).toBe(303);
    expect((await submit(choice, form)).status).toBe(403);
    const late = await open();
    test.clock.advance(10 * MINUTE_MS);
    expect((await submit(late, { secret: HUMAN_CODE })).status).toBe(403);
  });

  test('end after five wrong codes, also when they come at once', async () => {
    const { test, open, submit } = await start();
    const page = await open();
    await Promise.all(Array.from({ length: 8 }, () => submit(page, { secret: 'wrong' })));
    expect((await submit(page, { secret: HUMAN_CODE })).status).toBe(403);
    expect(test.events.filter((event) => event.kind === 'login.refused').length).toBeLessThan(8);
  });

  test('limit wrong codes per address across new pages', async () => {
    const { open, submit } = await start();
    for (let i = 0; i < 10; i++) await submit(await open(), { secret: 'wrong' });
    expect((await submit(await open(), { secret: HUMAN_CODE })).status).toBe(429);
  });
});

describe('an authorization code', () => {
  test('works once; its second use ends what the first one gave', async () => {
    const { test, consent, exchange } = await start();
    const code = (await consent()).searchParams.get('code')!;
    const { access_token, refresh_token } = JSON.parse((await exchange(code)).body);
    expect(typeof test.present(access_token)).toBe('object');
    expect(errorOf(await exchange(code))).toBe('invalid_grant');
    expect(test.present(access_token)).toBe('revoked');
    expect(test.identity.grants.find(refresh_token)).toBeUndefined();
  });

  test('lives 60 seconds', async () => {
    const { test, consent, exchange } = await start();
    const code = (await consent()).searchParams.get('code')!;
    test.clock.advance(60 * SECOND_MS);
    expect(errorOf(await exchange(code))).toBe('invalid_grant');
  });

  test.each<[string, Record<string, string>, string]>([
    ['another verifier', { code_verifier: 'w'.repeat(43) }, 'invalid_grant'],
    ['no verifier', { code_verifier: '' }, 'invalid_grant'],
    ['another redirect', { redirect_uri: 'http://127.0.0.1:4001/callback' }, 'invalid_grant'],
    ['no redirect', { redirect_uri: '' }, 'invalid_grant'],
    ['another resource', { resource: `${MCP}/github` }, 'invalid_target'],
    ['an unknown client', { client_id: 'mcp_x' }, 'invalid_client'],
  ])('is refused with %s', async (_name, over, error) => {
    const { consent, exchange } = await start();
    const code = (await consent()).searchParams.get('code')!;
    expect(errorOf(await exchange(code, over))).toBe(error);
    // Except for the unknown client, the attempt used the code up.
    expect((await exchange(code)).status).toBe(error === 'invalid_client' ? 200 : 400);
  });

  test('is refused to another registered client', async () => {
    const { test, consent, exchange } = await start();
    const other = JSON.parse((await register(test, { redirect_uris: [REDIRECT] })).body).client_id;
    const code = (await consent()).searchParams.get('code')!;
    expect(errorOf(await exchange(code, { client_id: other }))).toBe('invalid_grant');
  });

  test('gives nothing when the agent was suspended meanwhile', async () => {
    const { test, agent, consent, exchange } = await start();
    const code = (await consent()).searchParams.get('code')!;
    await test.identity.registry.transition(agent.id, 'suspended', BY);
    expect(errorOf(await exchange(code))).toBe('invalid_grant');
    await test.identity.registry.transition(agent.id, 'active', BY);
    const other = (await consent()).searchParams.get('code')!;
    await test.identity.registry.transition(agent.id, 'suspended', BY);
    await test.identity.registry.transition(agent.id, 'active', BY);
    expect(errorOf(await exchange(other))).toBe('invalid_grant');
  });
});

test('what a page embeds gets no consent page and uses up no attempts', async () => {
  const { open } = await start();
  for (const destination of ['image', 'iframe', 'empty', 'script', ''])
    for (let i = 0; i < 60; i++)
      expect((await open({}, { 'sec-fetch-dest': destination })).status).toBe(403);
  expect((await open({}, { 'sec-fetch-dest': 'document' })).status).toBe(200);
  expect((await open()).status).toBe(200);
});

describe('a refresh token', () => {
  const connected = async () => {
    const flow = await start();
    const code = (await flow.consent()).searchParams.get('code')!;
    const first = JSON.parse((await flow.exchange(code)).body);
    const refresh = async (token: string, over: Record<string, string> = {}) => {
      const response = await flow.test.post('/oauth/token', {
        grant_type: 'refresh_token',
        client_id: flow.clientId,
        refresh_token: token,
        ...over,
      });
      return { status: response.status, ...JSON.parse(response.body) };
    };
    return { ...flow, first, refresh };
  };

  test('rotates', async () => {
    const { test, first, refresh } = await connected();
    const second = await refresh(first.refresh_token);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(test.present(second.access_token)).toMatchObject({ user: 'ann@example.com' });
  });

  test('that was just replaced gives the same successor, so that a race is no log-out', async () => {
    const { first, refresh } = await connected();
    const [one, two] = await Promise.all([
      refresh(first.refresh_token),
      refresh(first.refresh_token),
    ]);
    expect(one.status).toBe(200);
    expect(two.refresh_token).toBe(one.refresh_token);
    expect((await refresh(one.refresh_token)).status).toBe(200);
  });

  test.each([1, 2, 3])('that comes back after %i rotations ends the consent', async (rotations) => {
    const { test, first, refresh } = await connected();
    let latest = first;
    for (let i = 0; i < rotations; i++) {
      latest = await refresh(latest.refresh_token);
      test.clock.advance(61 * SECOND_MS);
    }
    expect((await refresh(first.refresh_token)).error).toBe('invalid_grant');
    expect(test.present(latest.access_token)).toBe('revoked');
    expect((await refresh(latest.refresh_token)).error).toBe('invalid_grant');
  });

  test('is refused to another client and for another resource', async () => {
    const { test, first, refresh } = await connected();
    const other = JSON.parse((await register(test, { redirect_uris: [REDIRECT] })).body).client_id;
    expect((await refresh(first.refresh_token, { client_id: other })).error).toBe('invalid_grant');
    const elsewhere = { resource: `${MCP}/github` };
    expect((await refresh(first.refresh_token, elsewhere)).error).toBe('invalid_target');
    expect((await refresh(first.refresh_token)).status).toBe(200);
  });

  test('dies with its user, its client, its agent and its consent', async () => {
    const kill: ((flow: Awaited<ReturnType<typeof connected>>) => Promise<unknown>)[] = [
      ({ test }) => test.identity.revocations.revoke(userMark('ann@example.com'), BY),
      ({ test, clientId }) => test.identity.clients.remove(clientId, BY),
      ({ test, agent }) => test.identity.registry.transition(agent.id, 'suspended', BY),
      ({ test }) => test.identity.grants.revoke(test.identity.grants.list()[0]!.id, BY),
      ({ test, first, clientId }) =>
        test.post('/oauth/revoke', { token: first.refresh_token, client_id: clientId }),
    ];
    for (const end of kill) {
      const flow = await connected();
      expect(typeof flow.test.present(flow.first.access_token)).toBe('object');
      const told: string[] = [];
      flow.test.identity.authenticator.onRevoked((id) => told.push(id));
      await end(flow);
      expect(typeof flow.test.present(flow.first.access_token)).toBe('string');
      expect(told).toContain(flow.agent.id);
      expect((await flow.refresh(flow.first.refresh_token)).status).not.toBe(200);
    }
  });

  test('stays dead when its agent is suspended and comes back; a new consent works', async () => {
    const { test, agent, first, refresh, consent, exchange } = await connected();
    await test.identity.registry.transition(agent.id, 'suspended', BY);
    await test.identity.registry.transition(agent.id, 'active', BY);
    expect(test.present(first.access_token)).toBe('revoked');
    expect((await refresh(first.refresh_token)).error).toBe('invalid_grant');
    const code = (await consent()).searchParams.get('code')!;
    const next = JSON.parse((await exchange(code)).body);
    expect(typeof test.present(next.access_token)).toBe('object');
  });

  test('survives a restart and is nowhere stored', async () => {
    const { test, clientId, first } = await connected();
    const kept = JSON.stringify([await test.store.grants(), test.changes]);
    expect(kept).not.toContain(first.refresh_token.slice(27));
    const again = await createTestIdentity({ store: test.store, directory: test.directory });
    const response = await again.post('/oauth/token', {
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: first.refresh_token,
    });
    expect(response.status).toBe(200);
  });

  test('is not given to a client that did not register for it', async () => {
    const { consent, exchange } = await start({ grant_types: ['authorization_code'] });
    const code = (await consent()).searchParams.get('code')!;
    expect(JSON.parse((await exchange(code)).body).refresh_token).toBeUndefined();
  });
});

describe('a registered client', () => {
  test('gives a client no way to a token without a human', async () => {
    const { test, clientId } = await start();
    for (const grant of ['client_credentials', 'authorization_code', 'refresh_token']) {
      const response = await test.post('/oauth/token', { grant_type: grant, client_id: clientId });
      expect(response.status).toBe(400);
    }
  });
});
