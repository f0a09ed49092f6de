import { afterAll, describe, expect, it } from 'vitest';
import { createFakeClock } from '../../kernel/index.ts';
import { createCedarHost } from '../host/create-cedar-host.ts';
import { NO_EFFECTS } from '../loader/read-effects.ts';
import { createPolicyService } from './create-policy-service.ts';
import type { PolicyReport } from './model.ts';

const host = createCedarHost({ clock: createFakeClock() });
afterAll(() => host.close());
const PERMIT = '@id("all") permit(principal, action, resource);\n';

async function service(policies: string, tools: readonly string[], more = {}) {
  const reports: PolicyReport[] = [];
  const policy = createPolicyService({
    host,
    mode: 'enforce',
    read: async () => ({
      files: [{ name: 'a.cedar', text: PERMIT + policies }],
      effects: NO_EFFECTS,
    }),
    onReport: (report) => void reports.push(report),
    ...more,
  });
  const first = await policy.reload();
  policy.setTools(
    'fs',
    tools.map((name) => ({ name, inputSchema: { type: 'object' } })),
  );
  await policy.idle();
  const decide = (target: string) =>
    policy.decide({
      agent: { id: 'agt_1', name: 'a', owner: 'o', groups: [] },
      kind: 'tool',
      method: 'tools/call',
      server: 'fs',
      target,
      arguments: {},
      session: { now: 0, transport: 'http', era: 'modern' },
    });
  return { policy, first, reports, decide };
}

describe.each([
  ['an action', 'forbid(principal, action == fs::Action::"delte_file", resource);'],
  ['a list of actions', 'forbid(principal, action in [fs::Action::"delte_file"], resource);'],
  ['a resource', 'forbid(principal, action, resource == Tool::"fs/delte_file");'],
  [
    'a condition',
    'forbid(principal, action, resource) when { action == fs::Action::"delte_file" };',
  ],
])('a forbid that misspells a tool in %s', (_, text) => {
  it('denies the tool that it may mean, and is told as an error with what to write', async () => {
    const { first, reports, decide, policy } = await service(`@id("typo") ${text}`, [
      'delete_file',
      'read_file_info',
    ]);
    expect(first.applied).toBe(true);
    expect(decide('delete_file')).toMatchObject({
      effect: 'deny',
      errors: ['typo'],
      reasons: [{ code: 'policy_error', policy: 'typo' }],
    });
    const errors = reports.at(-1)?.problems.filter(({ severity }) => severity === 'error');
    expect(errors).toEqual([
      expect.objectContaining({
        policy: 'typo',
        message: 'server fs has no tool "delte_file"',
        suggestion: expect.stringContaining('delete_file'),
      }),
    ]);
    expect((await policy.check()).problems[0]).toMatchObject({ severity: 'error', policy: 'typo' });
  });
});

describe('a forbid on a tool that the server does not have', () => {
  it('denies nothing when no tool is near', async () => {
    const { decide } = await service(
      'forbid(principal, action == fs::Action::"format_disk", resource);',
      ['read'],
    );
    expect(decide('read').effect).toBe('allow');
  });

  it('denies nothing else when it names the near tool as well', async () => {
    const { decide } = await service(
      'forbid(principal, action in [fs::Action::"search_v1", fs::Action::"search_v2"], resource) when { principal.name == "other" };',
      ['search_v2'],
    );
    expect(decide('search_v2').effect).toBe('allow');
  });

  it('denies nothing when it is only observed or off, or is a permit', async () => {
    const head = '(principal, action == fs::Action::"delte_file", resource);';
    const { decide } = await service(
      `@mode("observe") forbid${head}\n@mode("off") forbid${head}\npermit${head}`,
      ['delete_file'],
    );
    expect(decide('delete_file').effect).toBe('allow');
  });

  it('follows the server: a renamed tool is denied, and the old name is judged again when it is back', async () => {
    const { decide, policy } = await service(
      '@id("no") forbid(principal, action == fs::Action::"delete_file", resource);',
      ['delete_files'],
    );
    expect(decide('delete_files').reasons[0]?.code).toBe('policy_error');
    policy.setTools('fs', [{ name: 'delete_file', inputSchema: { type: 'object' } }]);
    await policy.idle();
    expect(decide('delete_file').reasons[0]?.code).toBe('forbidden');
  });
});
