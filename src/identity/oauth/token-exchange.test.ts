import { createPrivateKey, randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { SECOND_MS } from '../../kernel/index.ts';
import {
  ACCESS,
  claims,
  createExchangeRig,
  EXCHANGE,
  JWT,
  NARROW,
  newKey,
  READ,
  wide,
} from '../delegation/testing/exchange-rig.ts';
import { readPublicJwk } from '../keys/jwk.ts';
import type { Principal } from '../model.ts';
import { BY, createTestIdentity, ISSUER, MCP } from '../test-identity.ts';
import { signJws } from '../tokens/jws.ts';

describe('making a child', () => {
  test('gives a bound token with the whole chain in it, registers the child and records it first', async () => {
    const test = await createExchangeRig();
    const child = await test.spawn({ purpose: 'reads issues', expires_in: '600' });
    expect(child.body).toMatchObject({
      token_type: 'DPoP',
      issued_token_type: ACCESS,
      authorization_details: [{ tools: ['read'], args: { repo: { eq: 'acme/app' } } }],
    });
    expect(claims(child.token)).toMatchObject({
      sub: test.root.id,
      act: { sub: child.id },
      agt: [test.root.id, child.id],
      client_id: child.id,
      own: 'ann@example.com',
      cnf: { jkt: readPublicJwk(child.jwk)!.thumbprint },
    });
    const agent = test.registry.get(child.id)!;
    expect(agent).toMatchObject({
      kind: 'subagent',
      parent: test.root.id,
      state: 'active',
      owners: ['ann@example.com'],
      purpose: 'reads issues',
      blueprint: 'worker',
    });
    expect(agent.expiresAt - agent.createdAt).toBe(600 * SECOND_MS);
    expect(test.changes.at(-1)).toMatchObject({
      action: 'agent.spawn',
      target: child.id,
      detail: { parent: test.root.id, depth: 1 },
    });
    const principal = test.present(child) as Principal;
    expect(principal.path).toEqual([test.root.id, child.id]);
    expect(principal.delegation?.agents.map((one) => one.name)).toEqual(['planner']);
    expect(principal.delegation?.names[0]).toBe('planner');
  });

  test('does not happen when it cannot be recorded', async () => {
    let broken = false;
    const on = await createTestIdentity({
      onChange: async () => {
        if (broken) throw new Error('disk is gone');
      },
    });
    await on.identity.blueprints.define(
      { name: 'worker', purpose: 'works', maySpawn: ['worker'] },
      BY,
    );
    const { agent, file } = await on.keyed('planner');
    await on.identity.registry.update(agent.id, agent.version, { blueprint: 'worker' }, BY);
    const subject = on.identity.authenticator;
    const token = await on.token(file);
    const found = (
      subject as unknown as { inspect(token: string): { token: never; chain: never } }
    ).inspect(token);
    broken = true;
    const { key: _, jwk } = newKey();
    await expect(
      on.identity.delegate.spawn(found, {
        kind: 'subagent',
        key: readPublicJwk(jwk)!,
        resource: MCP,
        details: [READ as never],
      }),
    ).rejects.toThrow('disk is gone');
    expect(on.identity.registry.list()).toHaveLength(1);
  });

  test('keeps txn and grows act over the whole chain', async () => {
    const test = await createExchangeRig();
    const a = await test.spawn({ authorization_details: wide(2) });
    const b = await test.spawnFrom(a, { authorization_details: wide(1) });
    const c = await test.spawnFrom(b);
    expect(claims(c.token)).toMatchObject({
      sub: test.root.id,
      act: { sub: c.id, act: { sub: b.id, act: { sub: a.id } } },
      agt: [test.root.id, a.id, b.id, c.id],
    });
    expect(new Set([a, b, c].map(({ token }) => claims(token)['txn'])).size).toBe(1);
  });

  test('takes an actor_token instead of the DPoP proof, once', async () => {
    const test = await createExchangeRig();
    const key = newKey();
    const iat = Math.floor(test.clock.now() / SECOND_MS);
    const actor = (claims: object = {}, header: object = {}) =>
      signJws(
        { typ: 'sallyport-actor+jwt', jwk: key.jwk, ...header },
        { aud: ISSUER, iat, exp: iat + 60, jti: randomUUID(), ...claims },
        key.key,
        'EdDSA',
      );
    const send = async (token: string) =>
      test.post({
        grant_type: EXCHANGE,
        subject_token: await test.token(test.root.file),
        subject_token_type: ACCESS,
        actor_token: token,
        actor_token_type: JWT,
        authorization_details: JSON.stringify([NARROW]),
        blueprint: 'worker',
        ...test.auth(test.assertion(test.root.file)),
      });
    for (const bad of [
      actor({ aud: 'https://evil.example' }),
      actor({ exp: iat - 60 }),
      actor({ exp: iat + 3600 }),
      actor({ iat: undefined }),
      actor({ jti: undefined }),
      actor({}, { typ: 'JWT' }),
      actor({}, { jwk: newKey().jwk }),
      'x',
    ])
      expect((await send(bad)).body).toMatchObject({ error: 'invalid_request' });
    const good = actor();
    expect((await send(good)).status).toBe(200);
    expect((await send(good)).body).toMatchObject({ error: 'invalid_request' });
  });

  test.each<[string, Record<string, string>, string]>([
    [
      'wider arguments',
      { authorization_details: JSON.stringify([{ ...NARROW, args: {} }]) },
      'invalid_authorization_details',
    ],
    [
      'another server',
      { authorization_details: JSON.stringify([{ ...NARROW, server: 'files' }]) },
      'invalid_authorization_details',
    ],
    [
      'as many levels as the parent',
      { authorization_details: wide(3) },
      'invalid_authorization_details',
    ],
    ['negative levels', { authorization_details: wide(-1) }, 'invalid_authorization_details'],
    ['details that are no JSON', { authorization_details: '[' }, 'invalid_authorization_details'],
    ['no details', { authorization_details: '' }, 'invalid_authorization_details'],
    ['a blueprint that is not there', { blueprint: 'nothing' }, 'unauthorized_client'],
    [
      'another resource than the token is for',
      { resource: 'https://evil.example' },
      'invalid_target',
    ],
    ['a life of a year', { expires_in: '31536000' }, 'invalid_request'],
    ['a life of two days', { expires_in: '172800' }, 'invalid_request'],
    [
      'a subject token of another type',
      { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
      'invalid_request',
    ],
    [
      'a refresh token back',
      { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      'invalid_request',
    ],
    ['a two-line purpose', { purpose: 'a\nb' }, 'invalid_request'],
    ['no subject token that we know', { subject_token: 'x.y.z' }, 'invalid_grant'],
  ])('is refused for %s', async (_name, over, error) => {
    const test = await createExchangeRig();
    const key = newKey();
    const { status, body } = await test.exchange(
      test.assertion(test.root.file),
      await test.token(test.root.file),
      key,
      over,
    );
    expect([status, body['error']]).toEqual([400, error]);
    expect(test.registry.list()).toHaveLength(1);
  });

  test('needs a key of its own: not the parent’s, not a sibling’s', async () => {
    const test = await createExchangeRig();
    const first = await test.spawn();
    const again = await test.exchange(
      test.assertion(test.root.file),
      await test.token(test.root.file),
      first,
    );
    expect(again.body).toMatchObject({
      error: 'invalid_request',
      error_description: 'the child needs a key of its own',
    });
    const { kid: _k, alg: _a, d: _d, ...jwk } = test.root.file.key;
    const { kid, alg, ...secret } = test.root.file.key;
    const own = createPrivateKey({ key: { ...secret }, format: 'jwk' });
    const proof = signJws(
      { typ: 'dpop+jwt', jwk },
      {
        jti: 'x',
        htm: 'POST',
        htu: `${ISSUER}/oauth/token`,
        iat: Math.floor(test.clock.now() / 1000),
      },
      own,
      alg,
    );
    const answer = await test.post(
      {
        grant_type: EXCHANGE,
        subject_token: await test.token(test.root.file),
        subject_token_type: ACCESS,
        authorization_details: JSON.stringify([NARROW]),
        blueprint: 'worker',
        ...test.auth(test.assertion(test.root.file)),
      },
      { dpop: proof },
    );
    expect(kid).toBeDefined();
    expect(answer.body).toMatchObject({ error: 'invalid_request' });
    expect(test.registry.list()).toHaveLength(2);
  });

  test('is bounded in depth by every blueprint of the chain', async () => {
    const test = await createExchangeRig({ maxDepth: 2 });
    const a = await test.spawn({ authorization_details: wide(2) });
    const b = await test.spawnFrom(a, { authorization_details: wide(1) });
    await expect(test.spawnFrom(b)).rejects.toThrow('as deep as');
  });

  test('is bounded in width, and a child that is over makes room', async () => {
    const test = await createExchangeRig({ maxChildren: 2 });
    await test.spawn({ expires_in: '30' });
    await test.spawn();
    await expect(test.spawn()).rejects.toThrow('as many children');
    test.clock.advance(31 * SECOND_MS);
    await test.spawn();
  });

  test('needs a blueprint that allows it', async () => {
    const test = await createExchangeRig({}, { maySpawn: [] });
    const worker = await test.spawn({ authorization_details: wide(2) });
    await expect(test.spawnFrom(worker)).rejects.toThrow('does not let it delegate');
    const loose = await test.keyed('loose', 'unregistered');
    const answer = await test.exchange(
      test.assertion(loose.file),
      await test.token(loose.file),
      newKey(),
    );
    expect(answer.body).toMatchObject({ error: 'unauthorized_client' });
  });

  test('cuts the child to its own blueprint’s ceiling, or refuses when nothing is left', async () => {
    const test = await createExchangeRig(
      {},
      { ceiling: [{ ...READ, args: { repo: { in: ['acme/app', 'acme/web', 'zed/x'] } } }] },
    );
    const child = await test.spawn({ authorization_details: wide(2) });
    expect(child.body['authorization_details']).toMatchObject([
      { delegate: 0, args: { repo: { in: ['acme/app', 'acme/web'] } } },
    ]);
    await expect(
      test.spawn({ authorization_details: JSON.stringify([{ ...NARROW, tools: ['write'] }]) }),
    ).rejects.toThrow('leaves nothing');
  });

  test('falls back to the declared needs of the blueprint', async () => {
    const test = await createExchangeRig({}, { needs: [NARROW] });
    const child = await test.spawn({ authorization_details: '' });
    expect(child.body['authorization_details']).toMatchObject([
      { args: { repo: { eq: 'acme/app' } } },
    ]);
  });
});

describe('a subject token', () => {
  test('in foreign hands is refused, whoever has it', async () => {
    const test = await createExchangeRig();
    const other = await test.keyed('other', 'orchestrator');
    const stolen = await test.token(test.root.file);
    const { body } = await test.exchange(test.assertion(other.file), stolen, newKey());
    expect(body).toMatchObject({ error: 'invalid_grant' });
    expect(test.events.findLast((event) => event.kind === 'exchange.refused')).toMatchObject({
      reason: 'subject_not_proven',
    });
    const child = await test.spawn({ authorization_details: wide(2) });
    // Its own parent can't use it either: it is the child's.
    expect(
      (await test.exchange(test.assertion(test.root.file), child.token, newKey())).body,
    ).toMatchObject({ error: 'invalid_grant' });
  });

  test('that names another agent in may_act can be taken over by exactly that one, under its own key', async () => {
    const test = await createExchangeRig();
    const worker = await test.keyed('worker-1', 'worker');
    const third = await test.keyed('third', 'worker');
    const issued = await test.post({
      grant_type: 'client_credentials',
      may_act: worker.id,
      ...test.auth(test.assertion(test.root.file)),
    });
    const subject = String(issued.body['access_token']);
    expect((await test.exchange(test.assertion(third.file), subject, newKey())).body).toMatchObject(
      { error: 'invalid_grant' },
    );
    const key = newKey();
    const { status, body } = await test.exchange(test.assertion(worker.file), subject, key);
    expect(status).toBe(200);
    expect(claims(String(body['access_token']))).toMatchObject({
      agt: [test.root.id, worker.id],
      act: { sub: worker.id },
      cnf: {},
    });
    expect(test.changes.at(-1)).toMatchObject({ action: 'agent.delegate', target: worker.id });
    const principal = test.present({
      ...key,
      id: worker.id,
      token: String(body['access_token']),
      body,
    }) as Principal;
    expect(principal.delegation?.agents.map((one) => one.name)).toEqual(['planner', 'worker-1']);
    const unbound = await test.post({
      grant_type: EXCHANGE,
      subject_token: subject,
      subject_token_type: ACCESS,
      authorization_details: JSON.stringify([NARROW]),
      ...test.auth(test.assertion(worker.file)),
    });
    expect(unbound.body).toMatchObject({ error: 'invalid_dpop_proof' });
  });

  test('never gives a child that outlives it', async () => {
    const test = await createExchangeRig();
    const subject = await test.token(test.root.file);
    test.clock.advance(200 * SECOND_MS);
    const child = await test.spawn({}, subject);
    expect(Number(child.body['expires_in'])).toBeLessThanOrEqual(100);
    expect(claims(child.token)['exp']).toBe(claims(subject)['exp']);
  });

  test('that was revoked, or whose agent is suspended, gives nothing', async () => {
    const test = await createExchangeRig();
    const subject = await test.token(test.root.file);
    await test.identity.revocations.revoke(String(claims(subject)['jti']), BY);
    await expect(test.spawn({}, subject)).rejects.toThrow('invalid_grant');
    const child = await test.spawn({ authorization_details: wide(2) });
    await test.registry.transition(test.root.id, 'suspended', BY);
    await expect(test.spawnFrom(child)).rejects.toThrow();
  });
});
