import { afterEach, describe, expect, it } from 'vitest';
import { createFakeClock } from '../../kernel/index.ts';
import { type CedarHost, createCedarHost } from '../host/create-cedar-host.ts';
import { NO_EFFECTS } from '../loader/read-effects.ts';
import type { JsonValue } from '../model.ts';
import { createPolicyService } from './create-policy-service.ts';

const POLICIES = `
@id("all") permit(principal, action, resource);
@id("text") forbid(principal, action == fs::Action::"open", resource)
when { context.input has path && context.input.path like "/secret*" };
@id("folder") forbid(principal, action == fs::Action::"open", resource)
when { context.paths has path && context.paths.path.under.contains("/vault") };
@id("host") forbid(principal, action == fs::Action::"open", resource)
when { context.urls has link && context.urls.link.local };
@id("nested") forbid(principal, action == fs::Action::"open", resource)
when { context.input has options && context.input.options has force && context.input.options.force };
`;
const TEXT = { type: 'string' };
const HONEST = {
  type: 'object',
  properties: {
    path: TEXT,
    link: TEXT,
    options: { type: 'object', properties: { force: { type: 'boolean' } } },
  },
};
const either = { anyOf: [TEXT, { type: 'number' }] };
const CHANGED = {
  'no schema': undefined,
  'no properties': { type: 'object', properties: {} },
  'several types': { type: 'object', properties: { path: either, link: either, options: either } },
  'no type': { type: 'object', properties: { path: {}, link: {}, options: {} } },
};
const GUARDED: Readonly<Record<string, JsonValue>>[] = [
  { path: '/secret/key' },
  { path: '/vault/key' },
  { link: 'http://127.0.0.1/' },
  { options: { force: true } },
];

let host: CedarHost;
afterEach(() => host.close());

async function service(inputSchema: unknown) {
  host = createCedarHost({ clock: createFakeClock() });
  const files = [{ name: 'a.cedar', text: POLICIES }];
  const policy = createPolicyService({
    host,
    mode: 'enforce',
    read: async () => ({ files, effects: NO_EFFECTS }),
  });
  await policy.reload();
  policy.setTools('fs', [{ name: 'open', inputSchema: HONEST }]);
  await policy.idle();
  policy.setTools('fs', [{ name: 'open', inputSchema }]);
  await policy.idle();
  return (args: Readonly<Record<string, JsonValue>>) =>
    policy.decide({
      agent: { id: 'agt_1', name: 'a', owner: 'o', groups: [] },
      kind: 'tool',
      method: 'tools/call',
      server: 'fs',
      target: 'open',
      arguments: args,
      session: { now: 0, transport: 'http', era: 'modern' },
    }).effect;
}

describe('a forbid on an argument', () => {
  it('denies what it names, and nothing else', async () => {
    const decide = await service(HONEST);
    expect(GUARDED.map(decide)).toEqual(GUARDED.map(() => 'deny'));
    expect(decide({ path: '/open', link: 'https://example.com/', options: {} })).toBe('allow');
  });

  it.each(Object.entries(CHANGED))(
    'still denies when the server describes its tool anew, with %s',
    async (_name, inputSchema) => {
      const decide = await service(inputSchema);
      expect(GUARDED.map(decide)).toEqual(GUARDED.map(() => 'deny'));
      expect(decide({})).toBe('allow');
      expect(decide({ other: '/secret/key' })).toBe('allow');
    },
  );
});
