import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import { createCedarHost } from '../host/create-cedar-host.ts';
import { readEffects } from '../loader/read-effects.ts';
import type { AgentFacts, JsonValue } from '../model.ts';
import { createPolicyService } from '../service/create-policy-service.ts';
import { conditionText, previewAgent } from './preview-agent.ts';

const host = createCedarHost({ clock: systemClock });
afterAll(() => host.close());

const BOT: AgentFacts = { id: 'agt_1', name: 'bot', owner: 'ana', groups: ['team'] };
const TEXT = `
@id("reads") permit(principal in Group::"team", action in Action::"read", resource in Server::"fs");
@id("small") permit(principal == Agent::"bot", action == fs::Action::"put", resource) when { context.input.max < 10 };
@id("free") permit(principal, action == fs::Action::"del", resource);
@id("docs") permit(principal, action == Action::"resource", resource in Server::"fs") when { resource.scheme == "docs" };
@id("no-etc") forbid(principal, action == fs::Action::"get", resource) when { context.input.path like "/etc/*" };
@id("ask-del") @approval("ops, 5m") forbid(principal, action == fs::Action::"del", resource);
@id("ask-odd") @approval("ops, 5m") forbid(principal, action == fs::Action::"put", resource) when { context.input.path like "/odd/*" };
@id("stop") forbid(principal, action == fs::Action::"stop", resource);
`;

async function rig() {
  const service = createPolicyService({
    host,
    read: async () => ({
      files: [{ name: 'p.cedar', text: TEXT }],
      effects: readEffects('effects.yaml', 'fs: { tools: { get: read, list: read } }'),
    }),
    mode: 'enforce',
  });
  service.setTools(
    'fs',
    ['get', 'put', 'del', 'list', 'stop', 'other'].map((name) => ({
      name,
      inputSchema: {
        type: 'object',
        properties: { path: { type: 'string' }, max: { type: 'integer' } },
        required: ['path', 'max'],
      },
    })),
  );
  const report = await service.reload();
  expect(report.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return service;
}
const tool = (target: string) => ({ server: 'fs', kind: 'tool' as const, target });

test('tells always, maybe with its condition, and never', async () => {
  const service = await rig();
  const items = ['list', 'get', 'put', 'del', 'stop', 'other', 'unheard-of'].map(tool);
  const found = previewAgent(service.snapshot()!, BOT, [
    ...items,
    { server: 'fs', kind: 'resource', target: 'docs://a' },
    { server: 'fs', kind: 'resource', target: 'file:///a' },
    { server: 'fs', kind: 'prompt', target: 'p' },
    { server: 'fs', kind: 'resource', target: '*' },
    { server: 'other', kind: 'resource', target: '*' },
  ]);
  expect(found.map((one) => [one.target, one.verdict, one.approval, conditionText(one)])).toEqual([
    ['list', 'always', 'never', ''],
    ['get', 'maybe', 'never', 'unless context.input.path like "/etc/*"'],
    [
      'put',
      'maybe',
      'maybe',
      'when context.input.max < 10; approval when context.input.path like "/odd/*"',
    ],
    ['del', 'always', 'always', 'needs approval'],
    ['stop', 'never', 'never', ''],
    ['other', 'never', 'never', ''],
    ['unheard-of', 'never', 'never', ''],
    ['docs://a', 'always', 'never', ''],
    ['file:///a', 'never', 'never', ''],
    ['p', 'never', 'never', ''],
    ['*', 'maybe', 'never', 'when resource.scheme == "docs"'],
    ['*', 'never', 'never', ''],
  ]);
  expect(found[4]?.policies).toEqual(['stop']);
  expect(found[0]?.policies).toEqual(['reads']);
});

test('never promises what a decision does not keep', async () => {
  const service = await rig();
  const previewed = new Map(
    previewAgent(
      service.snapshot()!,
      BOT,
      ['list', 'get', 'put', 'del', 'stop', 'other'].map(tool),
    ).map((one) => [one.target, one]),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...previewed.keys()),
      fc.record({
        path: fc.constantFrom('/etc/a', '/odd/b', '/c'),
        max: fc.integer({ min: 0, max: 20 }),
      }),
      (target, args: Record<string, JsonValue>) => {
        const { effect } = service.decide({
          agent: BOT,
          kind: 'tool',
          method: 'tools/call',
          server: 'fs',
          target,
          arguments: args,
          session: { now: 0, transport: 'http', era: 'modern' },
        });
        const told = previewed.get(target)!;
        if (told.verdict === 'never') expect(effect).toBe('deny');
        if (told.verdict === 'always') expect(effect).not.toBe('deny');
        if (told.approval === 'never') expect(effect).not.toBe('hold');
        if (told.approval === 'always') expect(effect).not.toBe('allow');
      },
    ),
  );
});
