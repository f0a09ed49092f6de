import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import { compiledAuthorize } from '../decide/evaluate-layers.ts';
import { createCedarHost } from '../host/create-cedar-host.ts';
import type { RefereeDifference } from '../host/create-referee.ts';
import { readEffects } from '../loader/read-effects.ts';
import type { ActionRequest, AgentFacts, ToolDefinition } from '../model.ts';
import { createPolicyService } from './create-policy-service.ts';
import type { PolicyServiceDeps } from './model.ts';

const host = createCedarHost({ clock: systemClock });
afterAll(() => host.close());

const AGENT: AgentFacts = { id: 'agt_1', name: 'bot', owner: 'ana', groups: ['team'] };
const TOOL: ToolDefinition = {
  name: 'get',
  inputSchema: {
    type: 'object',
    properties: { path: { type: 'string' }, max: { type: 'integer' } },
    required: ['path'],
  },
};
const request = (more: Partial<ActionRequest> = {}): ActionRequest => ({
  agent: AGENT,
  kind: 'tool',
  method: 'tools/call',
  server: 'fs',
  target: 'get',
  arguments: { path: '/w/a' },
  session: { now: 0, transport: 'http', era: 'modern' },
  ...more,
});

async function service(
  text: string,
  more: Partial<PolicyServiceDeps> = {},
  tools: Record<string, ToolDefinition[]> = { fs: [TOOL] },
) {
  const state = { text };
  const differences: RefereeDifference[] = [];
  const made = createPolicyService({
    host,
    read: async () => ({
      files: [{ name: 'p.cedar', text: state.text }],
      effects: readEffects('effects.yaml', 'fs: { tools: { get: read } }'),
    }),
    mode: 'enforce',
    refereeSample: 1,
    onDifference: (difference) => void differences.push(difference),
    ...more,
  });
  for (const [name, list] of Object.entries(tools)) made.setTools(name, list);
  const report = await made.reload();
  return { made, state, report, differences };
}

const PERMIT =
  '@id("yes") permit(principal == Agent::"bot", action == fs::Action::"get", resource);\n';

describe('the policy service', () => {
  it('denies everything before the first load, and what no policy permits after it', async () => {
    const bare = createPolicyService({
      host,
      read: async () => ({ files: [], effects: new Map() }),
      mode: 'enforce',
    });
    expect(bare.decide(request()).reasons[0]?.code).toBe('policy_not_loaded');
    expect(bare.mayUse(AGENT, 'fs', 'tool', 'get')).toBe(false);
    const { made } = await service('');
    expect(made.decide(request())).toMatchObject({
      effect: 'deny',
      reasons: [{ code: 'no_permit' }],
    });
  });

  it('says which condition of which policy was false, without values of the call', async () => {
    const { made } = await service(
      '@id("small") permit(principal, action == fs::Action::"get", resource) when { context.input has max && context.input.max < 10 };',
    );
    const { reasons } = made.decide(request({ arguments: { path: '/secret-path', max: 77 } }));
    expect(reasons[1]).toMatchObject({ code: 'condition_false', policy: 'small' });
    expect(reasons[1]?.message).toContain('context.input.max < 10');
    expect(JSON.stringify(reasons)).not.toMatch(/secret-path|77/);
    const told = made.explain(request({ arguments: { path: '/p', max: 77 } }));
    expect(told.nearMisses[0]).toMatchObject({ policy: 'small', needs: 'context.input.max < 10' });
    expect(JSON.stringify(told.nearMisses)).toContain('77');
  });

  it('holds when an approvable forbid is the only thing in the way', async () => {
    const HOLD =
      '@id("ask") @approval("ops, 15m") forbid(principal, action == fs::Action::"get", resource);\n';
    const { made, state } = await service(PERMIT + HOLD);
    expect(made.decide(request())).toMatchObject({
      effect: 'hold',
      policies: ['ask'],
      approval: { approvers: 'ops', ttlMs: 900_000 },
    });
    expect(made.mayUse(AGENT, 'fs', 'tool', 'get')).toBe(true);
    expect(made.decide(request({ session: { ...request().session, approved: true } })).effect).toBe(
      'allow',
    );
    state.text = HOLD;
    await made.reload();
    expect(made.decide(request())).toMatchObject({
      effect: 'deny',
      reasons: [{ code: 'no_permit' }],
    });
    state.text = `${PERMIT}${HOLD}@id("never") forbid(principal, action, resource in Server::"fs");`;
    await made.reload();
    expect(made.decide(request())).toMatchObject({ effect: 'deny', policies: ['never'] });
    expect(made.mayUse(AGENT, 'fs', 'tool', 'get')).toBe(false);
  });

  it('denies when a forbid errs, though Cedar would skip it', async () => {
    const { made } = await service(
      `${PERMIT}@id("errs") forbid(principal, action == fs::Action::"get", resource) when { context.input has max && context.input.max * 9223372036854775 > 1 };`.replace(
        '9223372036854775',
        '9007199254740991',
      ),
    );
    expect(made.decide(request({ arguments: { path: '/a', max: 1 } })).policies).toEqual(['errs']);
    expect(made.decide(request({ arguments: { path: '/a', max: 1_000_000 } }))).toMatchObject({
      effect: 'deny',
      reasons: [{ code: 'policy_error', policy: 'errs' }],
      errors: ['errs'],
    });
  });

  it('carries the obligations of the permits that allow', async () => {
    const { made } = await service(
      PERMIT.replace('@id("yes")', '@id("yes") @obligation("redact, log_level=debug")'),
    );
    expect(made.decide(request()).obligations).toEqual(['redact', 'log_level=debug']);
  });

  it('allows everything in observe mode and says what enforcing would have said', async () => {
    const { made } = await service('', { mode: 'observe' });
    expect(made.decide(request())).toMatchObject({ effect: 'allow', observed: 'deny' });
    expect(made.decide(request({ target: 'unknown' }))).toMatchObject({
      effect: 'allow',
      observed: 'deny',
    });
    expect(made.mayUse(AGENT, 'fs', 'tool', 'x')).toBe(true);
  });

  it('lets a single policy be observed, or off', async () => {
    const { made, state } = await service(
      `${PERMIT}@id("new") @mode("observe") forbid(principal, action, resource in Server::"fs");`,
    );
    expect(made.decide(request())).toMatchObject({
      effect: 'allow',
      observed: 'deny',
      policies: ['yes'],
    });
    state.text = state.text.replace('observe', 'off');
    await made.reload();
    expect(made.decide(request()).observed).toBeUndefined();
  });

  it('keeps the last good set when a reload has an error, and says where it is', async () => {
    const { made, state } = await service(PERMIT);
    const version = made.version();
    state.text = `${PERMIT}\n@id("bad")\npermit(principal, action == fs::Action::"get", resource)\nwhen { context.input.pat == "x" };`;
    const report = await made.reload();
    expect(report.applied).toBe(false);
    expect(report.problems[0]).toMatchObject({
      severity: 'error',
      file: 'p.cedar',
      line: 5,
      column: 8,
      policy: 'bad',
      suggestion: 'did you mean `path`?',
    });
    expect(made.version()).toBe(version);
    expect(made.decide(request()).effect).toBe('allow');
    state.text = 'permit(principal, action, resource';
    expect((await made.reload()).problems[0]).toMatchObject({ severity: 'error', line: 1 });
  });

  it('suggests the tool, agent and server that were meant', async () => {
    const { made, state } = await service('');
    made.setAgents([AGENT]);
    state.text = `@id("a") permit(principal == Agent::"bott", action == fs::Action::"gett", resource in Server::"fss");`;
    const { problems } = await made.check();
    expect(problems.map(({ message, suggestion }) => `${message} ${suggestion ?? ''}`)).toEqual(
      expect.arrayContaining([
        'server fs has no tool "gett" did you mean `fs::Action::"get"`?',
        expect.stringContaining('did you mean `Agent::"bot"`?'),
        expect.stringContaining('did you mean `Server::"fs"`?'),
      ]),
    );
  });

  it('lets policies wait for servers that are not there, without harm to the others', async () => {
    const { made, report } = await service(
      `${PERMIT}@id("later") permit(principal, action == gh::Action::"pr", resource);`,
    );
    expect(report).toMatchObject({ applied: true });
    expect(report.policies.map(({ id, state }) => [id, state])).toEqual([
      ['yes', 'active'],
      ['later', 'pending'],
    ]);
    expect(made.decide(request({ server: 'gh', target: 'pr' })).reasons[0]?.code).toBe(
      'server_pending',
    );
    const changes: string[] = [];
    made.onChange(() => void changes.push(made.version()));
    made.setTools('gh', [{ name: 'pr', inputSchema: { type: 'object', properties: {} } }]);
    await made.idle();
    expect(changes).toEqual([made.version()]);
    expect(made.decide(request({ server: 'gh', target: 'pr', arguments: {} })).effect).toBe(
      'allow',
    );
  });

  it('isolates servers: new tools switch off a permit for their server alone, never a forbid', async () => {
    const both = `@id("p") permit(principal, action in Action::"call", resource) when { context.input.path == "/w/a" };
      @id("f") forbid(principal, action in Action::"call", resource) when { context.input.path == "/no" };`;
    const { made } = await service(both);
    expect(made.decide(request()).effect).toBe('allow');
    made.setTools('odd', [{ name: 'x', inputSchema: { type: 'object', properties: {} } }]);
    await made.idle();
    expect(made.decide(request()).effect).toBe('allow');
    expect(made.decide(request({ server: 'odd', target: 'x', arguments: {} }))).toMatchObject({
      effect: 'deny',
      reasons: [{ code: 'policy_error', policy: 'f' }],
    });
  });

  it('follows a change of tools', async () => {
    const { made } = await service(PERMIT);
    made.setTools('fs', [
      { ...TOOL, inputSchema: { type: 'object', properties: { path: { type: 'integer' } } } },
    ]);
    await made.idle();
    expect(made.decide(request())).toMatchObject({
      effect: 'deny',
      reasons: [{ code: 'arguments_invalid' }],
    });
    made.setTools('fs', []);
    await made.idle();
    expect(made.decide(request()).reasons[0]?.code).toBe('unknown_tool');
  });

  it('judges opaque tools by name and passes their arguments', async () => {
    const { made } = await service(
      PERMIT,
      {},
      { fs: [{ name: 'get', inputSchema: { anyOf: [] } }] },
    );
    expect(made.decide(request({ arguments: { anything: [null, 1.5] } })).effect).toBe('allow');
    expect(made.status().findings[0]).toMatchObject({ server: 'fs', tool: 'get' });
  });

  it('knows groups, owners and changed facts of an agent without a reload', async () => {
    const { made } = await service(
      '@id("g") permit(principal in Group::"team", action in Action::"call", resource) when { principal.owner == User::"ana" };',
    );
    made.setAgents([AGENT]);
    expect(made.decide(request()).effect).toBe('allow');
    expect(made.decide(request({ agent: { ...AGENT, groups: [] } })).effect).toBe('deny');
    expect(made.decide(request({ agent: { ...AGENT, owner: 'eve' } })).effect).toBe('deny');
    expect(made.mayUse({ ...AGENT, groups: [] }, 'fs', 'tool', 'get')).toBe(false);
  });

  it('denies instead of throwing, whatever it is given', async () => {
    const { made } = await service(PERMIT);
    const broken = [
      {},
      { agent: null },
      request({ session: null as never }),
      request({ kind: 'nothing' as never }),
    ];
    for (const one of broken) expect(made.decide(one as ActionRequest).effect).toBe('deny');
  });

  it('agrees with cedar-wasm on every decision it made', async () => {
    const { made, differences } = await service(
      `${PERMIT}@id("f") forbid(principal, action, resource) when { context.session.now > datetime("1970-01-01T00:00:01Z") };`,
    );
    for (const now of [0, 999, 1001, 5000])
      made.decide(request({ session: { ...request().session, now } }));
    made.decide(request({ kind: 'resource', target: 'file:///a', method: 'resources/read' }));
    await made.idle();
    expect(differences).toEqual([]);
    expect(made.status().referee.checked).toBe(5);
  });

  it('falls back to cedar-wasm for the version on which the evaluator was caught wrong', async () => {
    const differences: RefereeDifference[] = [];
    const lying = createPolicyService(
      {
        host,
        read: async () => ({
          files: [{ name: 'p.cedar', text: '@id("no") forbid(principal, action, resource);' }],
          effects: new Map(),
        }),
        mode: 'enforce',
        refereeSample: 1,
        onDifference: (difference) => void differences.push(difference),
      },
      (...args) => ({ ...compiledAuthorize(...args), decision: 'allow', reasons: ['no'] }),
    );
    lying.setTools('fs', [TOOL]);
    await lying.reload();
    expect(lying.decide(request()).effect).toBe('allow');
    await lying.idle();
    expect(differences[0]).toMatchObject({
      ours: { decision: 'allow' },
      theirs: { decision: 'deny' },
    });
    expect(lying.status().engine).toBe('cedar-wasm');
    expect(lying.decide(request())).toMatchObject({ effect: 'deny', policies: ['no'] });
  });
});
