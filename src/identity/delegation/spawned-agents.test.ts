import { describe, expect, test } from 'vitest';
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../kernel/index.ts';
import type { Principal } from '../model.ts';
import { ownerMark } from '../revocations.ts';
import { BY, createTestIdentity, MCP } from '../test-identity.ts';
import {
  COORDINATE,
  claims,
  createExchangeRig,
  NARROW,
  newKey,
  wide,
} from './testing/exchange-rig.ts';

describe('renewing', () => {
  test('gives the same rights under the same chain, to its own key only', async () => {
    const test = await createExchangeRig();
    const child = await test.spawn();
    test.clock.advance(400 * SECOND_MS);
    expect(test.present(child)).toBe('expired');
    const { body } = await test.renew(child);
    expect(body['authorization_details']).toEqual(child.body['authorization_details']);
    expect(claims(String(body['access_token']))).toMatchObject({
      agt: [test.root.id, child.id],
      txn: claims(child.token)['txn'],
      act: { sub: child.id },
    });
    expect((await test.renew(child, {}, newKey())).body).toMatchObject({
      error: 'invalid_dpop_proof',
    });
    expect((await test.renew(child, { authorization_details: wide(0) })).body).toMatchObject({
      error: 'invalid_authorization_details',
    });
    expect((await test.renew(child, { resource: `${MCP}/github` })).body).toMatchObject({
      error: 'invalid_target',
    });
  });

  test('ends with the child, which ends with its parent', async () => {
    const test = await createExchangeRig();
    const parent = await test.spawn({ expires_in: '900', authorization_details: wide(2) });
    const child = await test.spawnFrom(parent, { expires_in: '80000' });
    expect(test.registry.get(child.id)!.expiresAt).toBe(test.registry.get(parent.id)!.expiresAt);
    test.clock.advance(899 * SECOND_MS);
    expect((await test.renew(child)).status).toBe(200);
    test.clock.advance(2 * SECOND_MS);
    expect((await test.renew(child)).status).toBe(401);
  });

  test('is over for good once anything above was revoked, though the key still signs', async () => {
    for (const mark of ['root', 'parent', 'owner', 'blueprint'] as const) {
      const test = await createExchangeRig();
      const parent = await test.spawn({ authorization_details: wide(2) });
      const child = await test.spawnFrom(parent);
      expect(typeof test.present(child)).toBe('object');
      await (mark === 'blueprint'
        ? test.blueprints.disable('orchestrator', BY)
        : test.identity.revocations.revoke(
            { root: test.root.id, parent: parent.id, owner: ownerMark('ann@example.com') }[mark],
            BY,
          ));
      expect([mark, test.present(child)]).toEqual([mark, 'revoked']);
      test.clock.advance(SECOND_MS);
      if (mark === 'blueprint') await test.blueprints.enable('orchestrator', BY);
      expect([mark, (await test.renew(child)).status]).toEqual([mark, 400]);
    }
  });

  test('survives a restart with its bounds', async () => {
    const test = await createExchangeRig();
    const child = await test.spawn({
      authorization_details: JSON.stringify([{ ...NARROW, limits: { calls: 2 } }]),
    });
    const again = await createTestIdentity({
      store: test.store,
      directory: test.directory,
      clock: test.clock,
    });
    const found = again.identity.registry.get(child.id);
    expect(found?.delegation).toEqual(test.registry.get(child.id)?.delegation);
    const { rights } = found!.delegation!;
    // How much is left of the budget is not known any more.
    test.clock.advance(1);
    const later = await createTestIdentity({
      store: test.store,
      directory: test.directory,
      clock: test.clock,
    });
    expect(later.identity.budgets.take(rights!, [0])).toBe(false);
    expect(test.identity.budgets.take(rights!, [0])).toBe(true);
  });
});

describe('a revocation in the middle of an exchange', () => {
  test('holds for the token that comes out of it', async () => {
    let during: (() => Promise<void>) | undefined;
    const test = await createExchangeRig({}, {}, async (change) => {
      if (change.action !== 'agent.spawn') return;
      const now = during;
      during = undefined;
      await now?.();
    });
    during = () => test.identity.revocations.revoke(test.root.id, BY);
    const child = await test.spawn();
    expect(test.present(child)).toBe('revoked');
  });
});

describe('revocation', () => {
  test('of any ancestor stops the subtree on the next call and tells who listens for streams', async () => {
    const test = await createExchangeRig();
    const a = await test.spawn({ authorization_details: wide(2) });
    const b = await test.spawnFrom(a);
    const sibling = await test.spawn();
    const told: string[] = [];
    test.identity.authenticator.onRevoked((id) => told.push(id));
    await test.registry.transition(a.id, 'quarantined', BY);
    expect(test.present(b)).toBe('agent_quarantined');
    expect(typeof test.present(sibling)).toBe('object');
    expect([...new Set(told)]).toEqual([a.id, b.id]);
  });

  test('by the kill switch of a blueprint is one mark for all its agents and what they made', async () => {
    const test = await createExchangeRig();
    const child = await test.spawn();
    const told: string[] = [];
    test.identity.authenticator.onRevoked((id) => told.push(id));
    await test.blueprints.disable('orchestrator', BY);
    expect(test.present(child)).toBe('revoked');
    expect(told).toEqual(expect.arrayContaining([test.root.id, child.id]));
    const again = await test.post({
      grant_type: 'client_credentials',
      ...test.auth(test.assertion(test.root.file)),
    });
    expect(again.body).toMatchObject({ error: 'invalid_grant' });
    await test.blueprints.enable('orchestrator', BY);
    expect(typeof test.present(child)).toBe('string');
    expect(
      (
        await test.post({
          grant_type: 'client_credentials',
          ...test.auth(test.assertion(test.root.file)),
        })
      ).status,
    ).toBe(200);
  });
});

describe('an agent under a ceiling', () => {
  test('gets the ceiling with every token it asks for, and what it asks for only below it', async () => {
    const test = await createExchangeRig();
    const ask = (over: Record<string, string> = {}) =>
      test.post({
        grant_type: 'client_credentials',
        ...test.auth(test.assertion(test.root.file)),
        ...over,
      });
    expect((await ask()).body['authorization_details']).toMatchObject([
      { use: false, delegate: 3 },
    ]);
    expect((await ask({ authorization_details: JSON.stringify([NARROW]) })).body).toMatchObject({
      error: 'invalid_authorization_details',
    });
    const less = { ...COORDINATE, tools: ['read'], delegate: 1 };
    expect(
      (await ask({ authorization_details: JSON.stringify([less]) })).body['authorization_details'],
    ).toMatchObject([{ tools: ['read'], delegate: 1 }]);
  });

  test('also with a bootstrap token', async () => {
    const test = await createExchangeRig();
    const { token } = await test.identity.bootstraps.issue(test.root.id, BY);
    expect((test.on.present(token) as Principal).delegation?.rights?.details).toMatchObject([
      { use: false },
    ]);
    const child = await test.spawn();
    await expect(test.identity.bootstraps.issue(child.id, BY)).rejects.toMatchObject({
      code: 'IDENTITY_INVALID',
    });
  });

  test('is cut off at once when the ceiling changes', async () => {
    const test = await createExchangeRig();
    const child = await test.spawn();
    await test.blueprints.define(
      {
        name: 'orchestrator',
        purpose: 'plans',
        maySpawn: ['worker'],
        ceiling: [{ ...COORDINATE, delegate: 1 }],
      },
      BY,
    );
    expect(test.present(child)).toBe('revoked');
  });
});

describe('an instance', () => {
  test('has the rights of its agent, lives a day at most and makes no further instance', async () => {
    const test = await createExchangeRig();
    const instance = await test.spawn({
      actor_kind: 'instance',
      authorization_details: '',
      blueprint: '',
      expires_in: '86400',
    });
    expect(instance.body['authorization_details']).toMatchObject([
      { use: false, delegate: 3, tools: ['*'] },
    ]);
    const agent = test.registry.get(instance.id)!;
    expect(agent).toMatchObject({ kind: 'instance', blueprint: 'orchestrator' });
    expect(agent.expiresAt - agent.createdAt).toBe(DAY_MS);
    await expect(test.spawnFrom(instance, { actor_kind: 'instance' })).rejects.toThrow(
      'unauthorized_client',
    );
    await test.spawnFrom(instance);
  });
});

describe('what is over', () => {
  test('is forgotten an hour later, with its key', async () => {
    const test = await createExchangeRig();
    const child = await test.spawn({ expires_in: '60' });
    test.clock.advance(60 * SECOND_MS + HOUR_MS + 2 * 60 * SECOND_MS);
    await test.spawn();
    expect(test.registry.get(child.id)).toBeUndefined();
    expect(test.agentKeys.list(child.id)).toEqual([]);
    expect((await test.store.agents()).map((one) => one.id)).not.toContain(child.id);
  });
  test('cannot be changed into more', async () => {
    const test = await createExchangeRig();
    const child = await test.spawn();
    const agent = test.registry.get(child.id)!;
    await expect(
      test.registry.update(agent.id, agent.version, { expiresAt: test.clock.now() + DAY_MS }, BY),
    ).rejects.toMatchObject({ code: 'IDENTITY_INVALID' });
  });
});
