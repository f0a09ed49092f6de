import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentKeyFile, createAssertionSigner } from '../../src/identity/index.ts';
import { sha256Base64Url, systemClock, systemRandom } from '../../src/kernel/index.ts';
import { type Answer, modernClient, type Stream } from './raw-client.ts';
import { type ScriptedServer, startScripted } from './scripted-http-server.ts';
import { createTestApp, type TestApp } from './test-app.ts';

const OWNER = 'tester@example.com';
const DETAIL = { type: 'agent_tool', server: 'repos', tools: ['read'], use: true, delegate: 0 };
const ACME = { ...DETAIL, args: { repo: { prefix: 'acme' } } };
const PROPERTIES = {
  inputSchema: {
    type: 'object',
    properties: { repo: { type: 'string' }, title: { type: 'string' } },
  },
};
const BY = { user: 'test', channel: 'system', reason: 'test' } as const;

interface Holder {
  readonly id: string;
  readonly token: string;
  readonly key: KeyObject;
  readonly jwk: object;
  readonly body: Record<string, unknown>;
}

let server: ScriptedServer;
let app: TestApp;
const streams: Stream[] = [];

const jws = (header: object, claims: object, key: KeyObject): string => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part({ alg: 'EdDSA', ...header })}.${part(claims)}`;
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`;
};
const seconds = (): number => Math.floor(Date.now() / 1000);
const newKey = (): { key: KeyObject; jwk: object } => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { key: privateKey, jwk: publicKey.export({ format: 'jwk' }) };
};
const proof = (holder: { key: KeyObject; jwk: object }, url: string, token?: string): string =>
  jws(
    { typ: 'dpop+jwt', jwk: holder.jwk },
    {
      jti: randomUUID(),
      htm: 'POST',
      htu: url,
      iat: seconds(),
      ...(token === undefined ? {} : { ath: sha256Base64Url(token) }),
    },
    holder.key,
  );
const tokenUrl = (): string => `${new URL(app.app.mcpUrl).origin}/oauth/token`;
async function tokenRequest(
  form: Record<string, string>,
  dpop?: string,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(tokenUrl(), {
    method: 'POST',
    body: new URLSearchParams({
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      ...form,
    }),
    headers: dpop === undefined ? {} : { dpop },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
/** What a registered agent signs with the key that the gateway wrote for it. */
async function assertionOf(agent: string): Promise<string> {
  const folder = join(app.app.data.identity, 'agents');
  const name = (await readdir(folder)).find((file) => file.startsWith(`${agent}-`))!;
  const file = JSON.parse(await readFile(join(folder, name), 'utf8')) as AgentKeyFile;
  return createAssertionSigner(file, { clock: systemClock, random: systemRandom })();
}
const ownAssertion = (holder: Holder): string => {
  const iat = seconds();
  return jws(
    { typ: 'JWT' },
    {
      iss: holder.id,
      sub: holder.id,
      aud: new URL(app.app.mcpUrl).origin,
      jti: randomUUID(),
      iat,
      exp: iat + 60,
    },
    holder.key,
  );
};
async function rootToken(agent: string, form: Record<string, string> = {}): Promise<string> {
  const { body } = await tokenRequest({
    grant_type: 'client_credentials',
    client_assertion: await assertionOf(agent),
    ...form,
  });
  return String(body['access_token']);
}
async function spawn(
  subject: string,
  assertion: string,
  details: readonly object[],
  form: Record<string, string> = {},
): Promise<Holder> {
  const key = newKey();
  const { body } = await tokenRequest(
    {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: subject,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      client_assertion: assertion,
      authorization_details: JSON.stringify(details),
      blueprint: 'worker',
      ...form,
    },
    proof(key, tokenUrl()),
  );
  if (body['access_token'] === undefined) throw new Error(JSON.stringify(body));
  return { ...key, id: String(body['client_id']), token: String(body['access_token']), body };
}
const fromPlanner = async (
  details: readonly object[],
  form: Record<string, string> = {},
): Promise<Holder> =>
  spawn(await rootToken('planner'), await assertionOf('planner'), details, form);
const as = (holder: Holder) => {
  const client = modernClient(app.url(), undefined);
  const headers = (): Record<string, string> => ({
    authorization: `DPoP ${holder.token}`,
    dpop: proof(holder, app.url(), holder.token),
  });
  return {
    call: (name: string, args: Record<string, unknown> = {}): Promise<Answer> =>
      client.call(name, args, { headers: headers() }),
    request: (method: string, params: Record<string, unknown> = {}): Promise<Answer> =>
      client.request(method, params, { headers: headers() }),
  };
};
const toolNames = (answer: Answer): string[] =>
  ((answer.result?.['tools'] ?? []) as { name: string }[]).map(({ name }) => name);
const reasonOf = (answer: Answer): string | undefined =>
  (answer.result?.['_meta'] as { 'dev.sallyport/decision'?: { reasons: { code: string }[] } })?.[
    'dev.sallyport/decision'
  ]?.reasons[0]?.code;
const passed = (answer: Answer): boolean =>
  answer.result !== undefined && answer.result['isError'] !== true;

beforeAll(async () => {
  const echo = (call: { args: unknown; text(text: string): void }): void =>
    call.text(JSON.stringify(call.args));
  server = await startScripted({
    era: 'modern',
    tools: { read: echo, write: echo },
    definitions: { read: PROPERTIES, write: PROPERTIES },
    resources: ['test://secret'],
  });
  app = await createTestApp({
    servers: { repos: server.entry },
    agents: ['planner', 'boss', 'weak'],
    policies: `
permit(principal, action, resource);
forbid(principal == Agent::"weak", action == repos::Action::"write()", resource);
`,
    config: {
      blueprints: {
        planner: {
          purpose: 'plans',
          maySpawn: ['worker'],
          ceiling: [
            { ...DETAIL, tools: ['*'], use: false, delegate: 3 },
            { ...DETAIL, server: 'sallyport', tools: ['spawn'] },
          ],
        },
        worker: { purpose: 'works', maySpawn: ['worker'] },
      },
      agents: {
        planner: { owner: OWNER, blueprint: 'planner' },
        boss: { owner: OWNER, blueprint: 'worker' },
        weak: { owner: OWNER, blueprint: 'worker' },
      },
    },
  });
});
afterAll(async () => {
  for (const stream of streams) stream.close();
  await app.close();
  await server.close();
});

describe('a sub-agent at the gateway', () => {
  it('sees and calls what it was given, and nothing else', async () => {
    const child = as(await fromPlanner([ACME]));
    expect(toolNames(await child.request('tools/list'))).toEqual(['repos__read']);
    expect(passed(await child.call('repos__read', { repo: 'acme/app' }))).toBe(true);
    const reached = (): number =>
      server.received.filter(({ method }) => method === 'tools/call').length;
    const before = reached();
    for (const args of [
      { repo: 'other/app' },
      { repo: 'acme/../other' },
      { repo: 'acme-evil/x' },
      {},
    ])
      expect([args, reasonOf(await child.call('repos__read', args))]).toEqual([
        args,
        'outside_delegation',
      ]);
    // An undeclared second name for the same thing.
    expect(
      reasonOf(await child.call('repos__read', { repo: 'acme/app', repository: 'other/x' })),
    ).toBe('outside_delegation');
    expect(passed(await child.call('repos__read', { repo: 'acme/app', title: 'x' }))).toBe(true);
    expect(reached()).toBe(before + 1);
  });

  it('gets the answer of a tool that is not there for one outside its delegation', async () => {
    const child = as(await fromPlanner([ACME]));
    const hidden = await child.call('repos__write', { repo: 'acme/app' });
    const missing = await child.call('repos__wrote', { repo: 'acme/app' });
    expect(hidden.error).toEqual({ ...missing.error, message: 'Unknown tool: repos__write' });
    expect((await child.request('resources/read', { uri: 'test://secret' })).error).toBeDefined();
    expect((await child.request('resources/list')).result).toMatchObject({ resources: [] });
  });

  it('is in the records with its whole chain, also where it is refused', async () => {
    const holder = await fromPlanner([ACME]);
    await as(holder).call('repos__read', { repo: 'acme/app' });
    await as(holder).call('repos__read', { repo: 'zed' });
    await as(holder).call('repos__write', { repo: 'acme' });
    const path = [app.agentId('planner'), holder.id];
    const mine = (await app.records()).filter(
      ({ type, actor, method }) =>
        type === 'decision' && actor.agentId === holder.id && method === 'tools/call',
    );
    expect(mine.map(({ effect }) => effect)).toEqual(['allow', 'deny', 'deny']);
    for (const { detail } of mine)
      expect(detail).toMatchObject({
        path,
        chain: ['planner', expect.stringMatching(/^planner~/)],
        decidedAs: 'planner',
        txn: expect.any(String),
      });
    expect(mine.slice(1).map(({ detail }) => detail?.['reasons'])).toEqual([
      ['outside_delegation'],
      ['outside_delegation'],
    ]);
    expect(JSON.stringify(await app.records())).not.toContain(holder.token);
  });

  it('may call what its coordinator may only hand down', async () => {
    const planner = modernClient(app.url(), await rootToken('planner'));
    expect(toolNames(await planner.request('tools/list'))).toEqual(['sallyport__spawn']);
    expect((await planner.call('repos__read', { repo: 'acme' })).error?.message).toContain(
      'Unknown tool',
    );
    expect(
      passed(await as(await fromPlanner([DETAIL])).call('repos__read', { repo: 'acme' })),
    ).toBe(true);
  });

  it('shares the calls of a grant with its siblings', async () => {
    const parent = await fromPlanner([{ ...ACME, delegate: 2, limits: { calls: 3 } }]);
    const children = await Promise.all(
      [0, 1].map(() => spawn(parent.token, ownAssertion(parent), [ACME])),
    );
    const answers: boolean[] = [];
    for (let i = 0; i < 4; i++)
      answers.push(passed(await as(children[i % 2]!).call('repos__read', { repo: 'acme/x' })));
    expect(answers).toEqual([true, true, true, false]);
    expect(reasonOf(await as(parent).call('repos__read', { repo: 'acme/x' }))).toBe(
      'outside_delegation',
    );
  });

  it('stops on the next call when an ancestor is stopped, and its stream is cut', async () => {
    const parent = await fromPlanner([{ ...ACME, delegate: 2 }]);
    const child = await spawn(parent.token, ownAssertion(parent), [ACME]);
    const other = await fromPlanner([ACME]);
    expect(passed(await as(child).call('repos__read', { repo: 'acme' }))).toBe(true);
    const listening = as(child).request('subscriptions/listen', {
      notifications: { toolsListChanged: true },
    });
    const asked = async (): Promise<boolean> =>
      (await app.records()).some(
        ({ method, actor }) => method === 'subscriptions/listen' && actor.agentId === child.id,
      );
    while (!(await asked())) await new Promise((resolve) => setImmediate(resolve));
    await app.app.identity.registry.transition(parent.id, 'quarantined', BY);
    await listening.catch(() => undefined);
    expect((await as(child).call('repos__read', { repo: 'acme' })).status).toBe(401);
    expect((await as(parent).call('repos__read', { repo: 'acme' })).status).toBe(401);
    expect(passed(await as(other).call('repos__read', { repo: 'acme' }))).toBe(true);
  });
});

describe('a stronger agent', () => {
  it('gains nothing for a weaker one that hands over to it', async () => {
    const bossId = app.agentId('boss');
    const subject = await rootToken('weak', { may_act: bossId });
    const key = newKey();
    const { body } = await tokenRequest(
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: subject,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        client_assertion: await assertionOf('boss'),
        authorization_details: JSON.stringify([{ ...DETAIL, tools: ['*'] }]),
      },
      proof(key, tokenUrl()),
    );
    const boss = as({ ...key, id: bossId, token: String(body['access_token']), body });
    expect(passed(await boss.call('repos__read', { repo: 'x' }))).toBe(true);
    const weak = modernClient(app.url(), await rootToken('weak'));
    expect(passed(await weak.call('repos__write', { repo: 'x' }))).toBe(false);
    // `boss` may write; `weak`, on whose behalf it acts here, may not.
    expect(
      passed(
        await modernClient(app.url(), await rootToken('boss')).call('repos__write', { repo: 'x' }),
      ),
    ).toBe(true);
    expect((await boss.call('repos__write', { repo: 'x' })).error?.message).toContain(
      'Unknown tool',
    );
    expect(toolNames(await boss.request('tools/list'))).toEqual(['repos__read']);
  });
});

describe('sallyport__spawn', () => {
  it('makes a child for an orchestrator that is an MCP client only', async () => {
    const planner = modernClient(app.url(), await rootToken('planner'));
    const key = newKey();
    const answer = await planner.call('sallyport__spawn', {
      key: key.jwk,
      purpose: 'reads',
      blueprint: 'worker',
      authorization_details: [ACME],
      expires_in: 120,
    });
    const made = answer.result?.['structuredContent'] as Record<string, unknown>;
    expect(made).toMatchObject({ token_type: 'DPoP', agent_id: expect.stringMatching(/^agt_/) });
    const child = as({
      ...key,
      id: String(made['agent_id']),
      token: String(made['access_token']),
      body: made,
    });
    expect(passed(await child.call('repos__read', { repo: 'acme/x' }))).toBe(true);
    expect(reasonOf(await child.call('repos__read', { repo: 'zed' }))).toBe('outside_delegation');
    expect(app.app.identity.registry.get(String(made['agent_id']))).toMatchObject({
      purpose: 'reads',
      parent: app.agentId('planner'),
    });
    expect(JSON.stringify(await app.records())).not.toContain(String(made['access_token']));
  });

  it('says why it made nothing', async () => {
    const planner = modernClient(app.url(), await rootToken('planner'));
    const { jwk } = newKey();
    for (const args of [
      { key: jwk, authorization_details: [{ ...ACME, delegate: 9 }] },
      { key: { kty: 'oct', k: 'x' }, authorization_details: [ACME] },
      { key: jwk, authorization_details: [{ ...ACME, server: 'other' }] },
    ]) {
      const { result } = await planner.call('sallyport__spawn', args);
      expect(result).toMatchObject({
        isError: true,
        content: [{ text: expect.stringContaining('No sub-agent was made') }],
      });
    }
  });

  it('is not there on a server’s own endpoint, nor for agents that may not delegate', async () => {
    const child = as(await fromPlanner([{ ...DETAIL, delegate: 0 }]));
    expect(toolNames(await child.request('tools/list'))).not.toContain('sallyport__spawn');
    const own = modernClient(app.url('repos'), await rootToken('boss'));
    expect(toolNames(await own.request('tools/list'))).toEqual(['read', 'write']);
    expect((await own.call('sallyport__spawn', {})).error?.message).toContain('Unknown tool');
    const boss = modernClient(app.url(), await rootToken('boss'));
    expect(toolNames(await boss.request('tools/list'))).toContain('sallyport__spawn');
  });
});

describe('the kill switch of a blueprint', () => {
  it('stops its agents and all they made at once', async () => {
    const child = await fromPlanner([ACME]);
    expect(passed(await as(child).call('repos__read', { repo: 'acme' }))).toBe(true);
    await app.app.identity.blueprints.disable('planner', BY);
    expect((await as(child).call('repos__read', { repo: 'acme' })).status).toBe(401);
    expect(
      (
        await tokenRequest({
          grant_type: 'client_credentials',
          client_assertion: await assertionOf('planner'),
        })
      ).body,
    ).toMatchObject({ error: 'invalid_grant' });
    await app.app.identity.blueprints.enable('planner', BY);
  });
});
