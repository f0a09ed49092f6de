import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DAY_MS } from '../../kernel/index.ts';
import type { AgentState } from '../model.ts';
import { BY, createTestIdentity } from '../test-identity.ts';
import type { AgentFactsInput } from './agent-rules.ts';
import { REVIEW_GRACE_MS } from './transitions.ts';

const STATES: readonly AgentState[] = [
  'staged',
  'active',
  'suspended',
  'quarantined',
  'under_review',
  'retired',
];
const input = (now: number, over: Partial<AgentFactsInput> = {}): AgentFactsInput => ({
  name: 'mailer',
  owners: ['Ann@Example.com', 'ann@example.com'],
  purpose: 'answers mail',
  expiresAt: now + DAY_MS,
  ...over,
});

describe('the agent registry', () => {
  test('registers an agent as staged, with owners in lower case and without duplicates', async () => {
    const { identity, clock } = await createTestIdentity();
    const agent = await identity.registry.register(input(clock.now()), BY);
    expect(agent).toMatchObject({ state: 'staged', version: 1, owners: ['ann@example.com'] });
    expect(agent.id).toMatch(/^agt_/);
    expect(identity.registry.byName('mailer')).toBe(identity.registry.get(agent.id));
  });

  test.each<[string, Partial<AgentFactsInput>]>([
    ['no owner', { owners: [] }],
    ['an owner that is no address', { owners: ['ann'] }],
    ['an owner with a line break', { owners: ['ann@example.com\nbcc: x'] }],
    ['no purpose', { purpose: ' ' }],
    ['a purpose with a bidirectional override', { purpose: 'pay \u202ecod' }],
    ['an upper-case name', { name: 'Mailer' }],
    ['a name that looks like an id', { name: 'agt_1' }],
    ['a name with a slash', { name: 'a/b' }],
    ['an expiry in the past', { expiresAt: 1 }],
    ['an expiry that is no number', { expiresAt: Number.NaN }],
    ['a life of more than 365 days', { expiresAt: 1_800_000_000_000 + 366 * DAY_MS }],
    ['an unknown risk tier', { riskTier: 'none' as 'low' }],
    ['a group with a space', { groups: ['a b'] }],
  ])('refuses %s', async (_name, over) => {
    const { identity, clock, changes } = await createTestIdentity();
    await expect(identity.registry.register(input(clock.now(), over), BY)).rejects.toMatchObject({
      code: 'IDENTITY_INVALID',
    });
    expect(identity.registry.list()).toEqual([]);
    expect(changes).toEqual([]);
  });

  test('never gives a name to a second agent, even after retirement', async () => {
    const { identity, clock } = await createTestIdentity();
    const agent = await identity.registry.register(input(clock.now()), BY);
    await identity.registry.transition(agent.id, 'retired', BY);
    await expect(identity.registry.register(input(clock.now()), BY)).rejects.toMatchObject({
      code: 'IDENTITY_NAME_TAKEN',
    });
  });

  test('lets one of two simultaneous writers win', async () => {
    const { identity, agent } = await createTestIdentity();
    const { id, version } = await agent();
    const results = await Promise.allSettled([
      identity.registry.update(id, version, { purpose: 'one' }, BY),
      identity.registry.update(id, version, { purpose: 'two' }, BY),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected']);
    expect(results[1]).toMatchObject({ reason: { code: 'IDENTITY_CONFLICT' } });
    expect(identity.registry.get(id)?.purpose).toBe('one');
  });

  test('notices a write of another process and shows what is stored', async () => {
    const { identity, store, agent } = await createTestIdentity();
    const mine = await agent();
    await store.replaceAgent({ ...mine, purpose: 'theirs', version: 3 }, 2);
    await expect(
      identity.registry.update(mine.id, 2, { purpose: 'mine' }, BY),
    ).rejects.toMatchObject({ code: 'IDENTITY_CONFLICT' });
    expect(identity.registry.get(mine.id)?.purpose).toBe('theirs');
  });

  test('can correct an agent that has expired without renewing it', async () => {
    const { identity, agent, clock } = await createTestIdentity();
    const { id, version, expiresAt } = await agent();
    clock.advance(31 * DAY_MS);
    const after = await identity.registry.update(id, version, { purpose: 'was mail' }, BY);
    expect(after.expiresAt).toBe(expiresAt);
  });

  test('records who changed what, with digests that chain', async () => {
    const { identity, changes, agent } = await createTestIdentity();
    const { id } = await agent();
    await identity.registry.transition(id, 'suspended', { ...BY, reason: 'odd calls' });
    expect(changes.map((change) => change.action)).toEqual([
      'agent.register',
      'agent.transition',
      'revoke',
      'agent.transition',
    ]);
    expect(changes[3]).toMatchObject({
      before: changes[1]!.after,
      detail: { from: 'active', to: 'suspended' },
      actor: { reason: 'odd calls' },
    });
  });

  test('does not widen rights when the change cannot be recorded, but still takes them away', async () => {
    let full = false;
    const { identity, agent } = await createTestIdentity({
      onChange: () => {
        if (full) throw new Error('disk full');
      },
    });
    const { id } = await agent();
    full = true;
    await expect(identity.registry.transition(id, 'suspended', BY)).rejects.toThrow('disk full');
    expect(identity.registry.get(id)?.state).toBe('suspended');
    await expect(identity.registry.transition(id, 'active', BY)).rejects.toThrow('disk full');
    expect(identity.registry.get(id)?.state).toBe('suspended');
  });

  test('does not activate an expired agent', async () => {
    const { identity, clock } = await createTestIdentity();
    const { id } = await identity.registry.register(input(clock.now()), BY);
    clock.advance(DAY_MS);
    await expect(identity.registry.transition(id, 'active', BY)).rejects.toMatchObject({
      code: 'IDENTITY_EXPIRED',
    });
  });

  test('never leaves retirement, never returns to staged, and leaves quarantine only downwards', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...STATES), { maxLength: 12 }), async (path) => {
        const { identity, agent } = await createTestIdentity();
        const { id } = await agent();
        for (const to of path) {
          const from = identity.registry.get(id)!.state;
          const moved = await identity.registry.transition(id, to, BY).then(
            () => true,
            () => false,
          );
          if (!moved) {
            expect(identity.registry.get(id)!.state).toBe(from);
            continue;
          }
          expect(from).not.toBe('retired');
          expect(to).not.toBe('staged');
          if (from === 'quarantined') expect(['suspended', 'retired']).toContain(to);
        }
      }),
      { numRuns: 40 },
    ));
});

describe('what an agent may do in its state', () => {
  test.each<AgentState>(['suspended', 'quarantined', 'retired'])(
    'a live token dies with the next call when the agent becomes %s',
    async (state) => {
      const { identity, keyed, token, present } = await createTestIdentity();
      const { agent, file } = await keyed();
      const live = await token(file);
      const principal = present(live);
      expect(principal).toMatchObject({ agent: { id: agent.id } });
      const told: string[] = [];
      identity.authenticator.onRevoked((id) => told.push(id));
      await identity.registry.transition(agent.id, state, BY);
      expect(present(live)).toBe(`agent_${state}`);
      if (typeof principal !== 'string')
        expect(identity.authenticator.revoked(principal)).toBe(`agent_${state}`);
      expect(new Set(told)).toEqual(new Set([agent.id]));
    },
  );

  test('an agent under review works until the grace period ends', async () => {
    const { identity, keyed, token, present, clock } = await createTestIdentity();
    const { agent, file } = await keyed();
    await identity.registry.transition(agent.id, 'under_review', BY);
    expect(present(await token(file))).toMatchObject({ agent: { state: 'under_review' } });
    clock.advance(REVIEW_GRACE_MS - 1000);
    const last = await token(file);
    expect(typeof present(last)).toBe('object');
    clock.advance(1000);
    expect(present(last)).toBe('agent_review_overdue');
  });

  test('expiry takes effect by itself and is told to open streams', async () => {
    const { identity, keyed, token, present, clock } = await createTestIdentity();
    const { agent, file } = await keyed();
    const told: string[] = [];
    identity.authenticator.onRevoked((id) => told.push(id));
    clock.advance(30 * DAY_MS - 1000);
    const live = await token(file);
    expect(typeof present(live)).toBe('object');
    clock.advance(1000);
    expect(present(live)).toBe('agent_expired');
    expect(told).toEqual([agent.id]);
  });
});
