import { describe, expect, test } from 'vitest';
import type { AgentState } from '../model.ts';
import { BY, createTestIdentity } from '../test-identity.ts';

describe.each<[string, readonly AgentState[]]>([
  ['suspended', ['suspended', 'active']],
  ['quarantined', ['quarantined', 'suspended', 'active']],
])('an agent that was %s and is active again', (_, way) => {
  test('does not get its old tokens back, also after a restart; new ones work', async () => {
    const one = await createTestIdentity();
    const { agent, file } = await one.keyed();
    const token = await one.token(file);
    const bootstrap = (await one.identity.bootstraps.issue(agent.id, BY)).token;
    for (const state of way) await one.identity.registry.transition(agent.id, state, BY);
    expect(one.present(token)).toBe('revoked');
    expect(one.present(bootstrap)).toBe('revoked');
    const next = await one.token(file);
    expect(one.present(next)).toMatchObject({ agent: { id: agent.id } });
    const issued = await one.identity.bootstraps.issue(agent.id, BY);
    expect(one.present(issued.token)).toMatchObject({ agent: { id: agent.id } });

    const { clock, store, directory } = one;
    const again = await createTestIdentity({ clock, store, directory });
    expect([token, bootstrap].map((old) => again.present(old))).toEqual(['revoked', 'revoked']);
    expect(again.present(next)).toMatchObject({ agent: { id: agent.id } });
  });
});

test('an agent under review keeps its tokens', async () => {
  const { identity, keyed, token, present } = await createTestIdentity();
  const { agent, file } = await keyed();
  const held = await token(file);
  await identity.registry.transition(agent.id, 'under_review', BY);
  await identity.registry.transition(agent.id, 'active', BY);
  expect(present(held)).toMatchObject({ agent: { id: agent.id } });
});
