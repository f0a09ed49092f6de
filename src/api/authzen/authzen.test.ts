import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditRecord } from '../../audit/index.ts';
import type { Agent, Principal } from '../../identity/index.ts';
import {
  createFakeClock,
  createIdSource,
  createSeededRandom,
  systemClock,
} from '../../kernel/index.ts';
import {
  createCedarHost,
  createPolicyService,
  type PolicyService,
  readEffects,
} from '../../policy/index.ts';
import { createAuthzen, MAX_EVALUATIONS } from './create-authzen.ts';
import { factsOf } from './map-evaluation.ts';

const host = createCedarHost({ clock: systemClock });
afterAll(() => host.close());

const agent = (name: string, more: Partial<Agent> = {}): Agent => ({
  id: `agt_${name}`,
  name,
  owners: ['ana'],
  purpose: 'tests',
  state: 'active',
  groups: name === 'bot' ? ['team'] : [],
  createdAt: 0,
  expiresAt: Number.MAX_SAFE_INTEGER,
  version: 1,
  ...more,
});
const AGENTS = [
  agent('bot'),
  agent('guest'),
  agent('asleep', { state: 'suspended' }),
  agent('old', { expiresAt: 1 }),
];
const TEXT = `
@id("team") permit(principal in Group::"team", action in Action::"call", resource in Server::"fs");
@id("web") permit(principal, action == Action::"resource", resource in Server::"fs") when { resource.scheme == "docs" };
@id("human") permit(principal, action == Action::"prompt", resource in Server::"fs") when { context.session has onBehalfOf };
@id("list") permit(principal in Group::"team", action == Action::"list", resource in Server::"fs");
@id("small") forbid(principal, action == fs::Action::"get", resource) when { context.input.max > 10 };
@id("ask") @approval("ops, 15m") forbid(principal, action == fs::Action::"put", resource);
@id("redacted") @obligation("redact") permit(principal == Agent::"guest", action == fs::Action::"get", resource) when { context.input.max == 1 };
`;

let policy: PolicyService;
beforeAll(async () => {
  policy = createPolicyService({
    host,
    read: async () => ({
      files: [{ name: 'p.cedar', text: TEXT }],
      effects: readEffects('effects.yaml', ''),
    }),
    mode: 'enforce',
  });
  policy.setTools(
    'fs',
    ['get', 'put', 'a/b'].map((name) => ({
      name,
      inputSchema: { type: 'object', properties: { max: { type: 'integer' } }, required: ['max'] },
    })),
  );
  await policy.reload();
});

function rig(
  more: { records?: AuditRecord[]; fails?: boolean; principal?: Partial<Principal> } = {},
) {
  const clock = createFakeClock();
  const records: AuditRecord[] = more.records ?? [];
  const principal = {
    agent: AGENTS[0]!,
    path: [],
    scopes: [],
    ...more.principal,
  } as unknown as Principal;
  const handle = createAuthzen({
    url: 'http://pdp.test',
    policy,
    audit: {
      append: async (record) => {
        if (more.fails === true) throw new Error('the log is down');
        records.push(record);
        return { seq: records.length, hash: '' };
      },
    },
    adminToken: 'admin',
    authenticator: {
      authenticate: ({ authorization }) =>
        authorization === 'Bearer agent-token' ? principal : { refused: true, reason: 'unknown' },
      revoked: () => undefined,
    },
    tokenResource: 'http://mcp.test/mcp',
    agent: (name) => AGENTS.find((one) => one.name === name || one.id === name),
    clock,
    ids: createIdSource(clock, createSeededRandom()),
  });
  const post = (
    path: string,
    body: unknown,
    token = 'admin',
    headers: Record<string, string> = {},
  ) =>
    handle(
      new Request(`http://pdp.test${path}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${token}`,
          ...headers,
        },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    );
  const one = async (body: unknown, token?: string) =>
    (await (await post('/access/v1/evaluation', body, token)).json()) as {
      decision: boolean;
      context: {
        effect: string;
        reasons: { code: string }[];
        approval?: object;
        obligations?: string[];
      };
    };
  return { handle, post, one, records, clock };
}

const get = (max: unknown = 5, name = 'bot') => ({
  subject: { type: 'agent', id: name },
  action: { name: 'tools/call' },
  resource: { type: 'tool', id: 'fs/get' },
  context: { arguments: { max } },
});

describe('one evaluation', () => {
  it('maps subjects, actions and resources', async () => {
    const { one } = rig();
    expect(await one(get())).toMatchObject({ decision: true, context: { effect: 'allow' } });
    expect(await one(get(11))).toMatchObject({ decision: false, context: { effect: 'deny' } });
    expect(await one({ ...get(), resource: { type: 'tool', id: 'fs/put' } })).toMatchObject({
      decision: false,
      context: { effect: 'hold', approval: { approvers: 'ops', ttl_seconds: 900 } },
    });
    expect(await one({ ...get(), resource: { type: 'tool', id: 'fs/a/b' } })).toMatchObject({
      decision: true,
    });
    expect(await one(get(1, 'guest'))).toMatchObject({
      decision: true,
      context: { obligations: ['redact'] },
    });
    const read = { ...get(), action: { name: 'read' } };
    expect(
      await one({
        ...read,
        resource: { type: 'resource', id: 'docs://a', properties: { server: 'fs' } },
      }),
    ).toMatchObject({ decision: true });
    expect(await one({ ...read, resource: { type: 'resource', id: 'docs://a' } })).toMatchObject({
      decision: false,
      context: { reasons: [{ code: 'resource_unsupported' }] },
    });
    const prompt = { action: { name: 'prompts/get' }, resource: { type: 'prompt', id: 'fs/p' } };
    expect(
      await one({ subject: { type: 'user', id: 'ana' }, ...prompt, context: { agent: 'bot' } }),
    ).toMatchObject({ decision: true });
    expect(await one({ subject: { type: 'agent', id: 'bot' }, ...prompt })).toMatchObject({
      decision: false,
    });
    expect(
      await one({
        ...get(),
        action: { name: 'tools/list' },
        resource: { type: 'server', id: 'fs' },
      }),
    ).toMatchObject({ decision: true });
  });

  it('denies what it cannot place, and agents that are not in service', async () => {
    const { one, records } = rig();
    for (const [body, code] of [
      [get(1, 'nobody'), 'agent_unknown'],
      [get(1, 'asleep'), 'agent_not_active'],
      [get(1, 'old'), 'agent_not_active'],
      [{ ...get(), subject: { type: 'user', id: 'ana' } }, 'subject_unsupported'],
      [{ ...get(), resource: { type: 'tool', id: 'get' } }, 'resource_unsupported'],
      [{ ...get(), resource: { type: 'server', id: 'fs' } }, 'resource_unsupported'],
      [{ ...get(), context: { arguments: [] } }, 'arguments_invalid'],
      [get('many'), 'arguments_invalid'],
    ] as const)
      expect(await one(body)).toMatchObject({ decision: false, context: { reasons: [{ code }] } });
    expect(records).toHaveLength(8);
  });

  it('takes nothing but arguments from the asker: no approval, no groups, no time', async () => {
    const { one } = rig();
    expect(
      await one({
        ...get(),
        subject: { type: 'agent', id: 'guest', properties: { groups: ['team'], approved: true } },
        context: {
          arguments: { max: 5 },
          session: { approved: true },
          approved: true,
          groups: ['team'],
        },
      }),
    ).toMatchObject({ decision: false });
    expect(
      await one({
        ...get(),
        resource: { type: 'tool', id: 'fs/put' },
        context: { arguments: { max: 5 }, approved: true, session: { approved: true } },
      }),
    ).toMatchObject({ context: { effect: 'hold' } });
  });

  it('sees integers as they were written', async () => {
    const { post } = rig();
    const text = JSON.stringify(get(0)).replace('"max":0', '"max":9007199254740993');
    const answer = (await (await post('/access/v1/evaluation', text)).json()) as {
      context: { effect: string };
    };
    expect(answer.context.effect).toBe('deny');
  });

  it('answers exactly what the decision point says', async () => {
    const { one, clock } = rig();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('bot', 'guest'),
        fc.constantFrom('get', 'put', 'a/b', 'unheard-of'),
        fc.oneof(
          fc.record({ max: fc.oneof(fc.integer(), fc.string()) }),
          fc.dictionary(fc.string(), fc.jsonValue()),
        ),
        fc.option(fc.constantFrom('ana', 'bob'), { nil: undefined }),
        async (name, tool, args, user) => {
          const answer = await one({
            subject: user === undefined ? { type: 'agent', id: name } : { type: 'user', id: user },
            action: { name: 'tools/call' },
            resource: { type: 'tool', id: `fs/${tool}` },
            context: { arguments: args, agent: name },
          });
          const truth = policy.decide({
            agent: factsOf(AGENTS.find((known) => known.name === name)!),
            ...(user === undefined ? {} : { user }),
            kind: 'tool',
            method: 'tools/call',
            server: 'fs',
            target: tool,
            arguments: JSON.parse(JSON.stringify(args)),
            session: { now: clock.now(), transport: 'http', era: 'modern' },
          });
          expect(answer.decision).toBe(truth.effect === 'allow');
          expect(answer.context).toMatchObject({
            effect: truth.effect,
            reasons: truth.reasons,
            policy_version: truth.policyVersion,
          });
        },
      ),
    );
  });
});

describe('a batch', () => {
  const item = (max: number) => ({ context: { arguments: { max } } });
  const decisions = async (body: unknown) => {
    const { post } = rig();
    const answer = (await (await post('/access/v1/evaluations', body)).json()) as {
      evaluations: { decision: boolean }[];
    };
    return answer.evaluations.map(({ decision }) => decision);
  };

  it('fills items from the defaults and follows each semantic', async () => {
    const evaluations = [item(1), item(11), item(2)];
    const options = (evaluations_semantic: string) => ({ options: { evaluations_semantic } });
    expect(await decisions({ ...get(), evaluations })).toEqual([true, false, true]);
    expect(await decisions({ ...get(), evaluations, ...options('deny_on_first_deny') })).toEqual([
      true,
      false,
    ]);
    expect(
      await decisions({ ...get(), evaluations, ...options('permit_on_first_permit') }),
    ).toEqual([true]);
    const { context: _, ...rest } = get();
    expect(await decisions({ ...rest, evaluations: [{}, item(1)] })).toEqual([false, true]);
  });

  it('answers a bad item without the others, and behaves as a single one without items', async () => {
    const { post } = rig();
    const { subject: _, ...rest } = get();
    const batch = await post('/access/v1/evaluations', {
      ...rest,
      evaluations: [{ subject: { type: 'agent' } }, { subject: { type: 'agent', id: 'bot' } }],
    });
    expect(await batch.json()).toMatchObject({
      evaluations: [{ decision: false, context: { error: { status: 400 } } }, { decision: true }],
    });
    for (const body of [get(), { ...get(), evaluations: [] }])
      expect(await (await post('/access/v1/evaluations', body)).json()).toMatchObject({
        decision: true,
      });
  });

  it('is bounded', async () => {
    const { post } = rig();
    const evaluations = Array.from({ length: MAX_EVALUATIONS + 1 }, () => ({}));
    await expect(post('/access/v1/evaluations', { ...get(), evaluations })).rejects.toMatchObject({
      code: 'API_INVALID',
    });
    await expect(post('/access/v1/evaluation', ' '.repeat(600_000))).rejects.toMatchObject({
      code: 'API_BODY_TOO_LARGE',
    });
    await expect(post('/access/v1/evaluation', '['.repeat(5_000))).rejects.toMatchObject({
      code: 'API_INVALID',
    });
  });
});

describe('who may ask', () => {
  it('is the administrator, or an agent about itself and its own user', async () => {
    const { one, post } = rig();
    expect(await one(get(), 'agent-token')).toMatchObject({ decision: true });
    await expect(
      post('/access/v1/evaluation', get(1, 'guest'), 'agent-token'),
    ).rejects.toMatchObject({ code: 'API_FORBIDDEN' });
    await expect(
      post('/access/v1/evaluation', get(1, 'nobody'), 'agent-token'),
    ).rejects.toMatchObject({ code: 'API_FORBIDDEN' });
    await expect(post('/access/v1/evaluation', get(), 'other')).rejects.toMatchObject({
      code: 'API_UNAUTHENTICATED',
    });
    const forUser = {
      ...get(),
      subject: { type: 'user', id: 'eve' },
      context: { agent: 'bot', arguments: { max: 1 } },
    };
    await expect(post('/access/v1/evaluation', forUser, 'agent-token')).rejects.toMatchObject({
      code: 'API_FORBIDDEN',
    });
    const delegated = rig({ principal: { user: 'ana' } });
    const prompt = { ...get(), action: { name: 'get' }, resource: { type: 'prompt', id: 'fs/p' } };
    expect(await delegated.one(prompt, 'agent-token')).toMatchObject({ decision: true });
    expect(delegated.records[0]?.actor).toMatchObject({ agent: 'bot', user: 'ana' });
  });

  it('gets no answer that was not recorded', async () => {
    await expect(rig({ fails: true }).post('/access/v1/evaluation', get())).rejects.toThrow(
      'the log is down',
    );
    const { one, records } = rig();
    await one(get());
    expect(records[0]).toMatchObject({
      type: 'decision',
      actor: { agent: 'bot', channel: 'api' },
      server: 'fs',
      target: 'get',
      effect: 'allow',
      detail: { via: 'authzen', reasons: ['permitted'], policies: ['team'] },
    });
    expect(JSON.stringify(records[0])).not.toContain('"max"');
  });
});

it('publishes where it is, to everybody, and refuses other methods', async () => {
  const { handle } = rig();
  const answer = await handle(new Request('http://pdp.test/.well-known/authzen-configuration'));
  expect(await answer.json()).toMatchObject({ policy_decision_point: 'http://pdp.test' });
  await expect(handle(new Request('http://pdp.test/access/v1/evaluation'))).rejects.toMatchObject({
    code: 'API_METHOD_NOT_ALLOWED',
  });
});
