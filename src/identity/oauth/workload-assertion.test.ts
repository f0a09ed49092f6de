import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { createFakeClock, SECOND_MS } from '../../kernel/index.ts';
import { BY, createTestIdentity, ISSUER, type TestIdentity } from '../test-identity.ts';
import { parseCompact } from '../tokens/jws.ts';
import { createWorkloadAssertions, JWT_BEARER, type WorkloadIssuer } from './workload-assertion.ts';

const CLUSTER = 'https://cluster.example';
const SUBJECT = 'system:serviceaccount:agents:mailer-7';
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const issuer = (over: Partial<WorkloadIssuer> = {}): WorkloadIssuer => ({
  issuer: CLUSTER,
  jwks: { keys: [{ ...rsa.publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'RS256' }] },
  subjects: [
    { subject: 'system:serviceaccount:agents:mailer-*', agent: 'mailer', claims: { zone: 'eu' } },
  ],
  ...over,
});
const token = (
  now: number,
  claims: Record<string, unknown> = {},
  key: KeyObject = rsa.privateKey,
  header: Record<string, unknown> = {},
): Promise<string> => {
  const iat = Math.floor(now / SECOND_MS);
  return new SignJWT({
    iss: CLUSTER,
    sub: SUBJECT,
    aud: ISSUER,
    iat,
    exp: iat + 3600,
    zone: 'eu',
    ...claims,
  })
    .setProtectedHeader({ alg: 'RS256', kid: 'k1', ...header })
    .sign(key);
};
async function rig(workloads: readonly WorkloadIssuer[] = [issuer()]) {
  const test = await createTestIdentity({ workloadIssuers: workloads });
  const agent = await test.agent('mailer');
  const ask = async (on: TestIdentity, assertion: string, over: Record<string, string> = {}) => {
    const response = await on.post('/oauth/token', { grant_type: JWT_BEARER, assertion, ...over });
    return { status: response.status, body: JSON.parse(response.body) as Record<string, unknown> };
  };
  return {
    ...test,
    agentId: agent.id,
    ask: (assertion: string, over?: Record<string, string>) => ask(test, assertion, over),
  };
}

describe('a workload', () => {
  test('gets tokens of its agent for the token of its platform, again and again', async () => {
    const test = await rig();
    const assertion = await token(test.clock.now());
    for (let i = 0; i < 2; i++) {
      const { status, body } = await test.ask(assertion);
      expect(status).toBe(200);
      expect(parseCompact(String(body['access_token']))!.payload).toMatchObject({
        sub: test.agentId,
        agt: [test.agentId],
      });
    }
  });

  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['another issuer', { iss: 'https://evil.example' }, {}],
    ['another audience', { aud: 'https://other.example' }, {}],
    ['no audience', { aud: undefined }, {}],
    ['another subject', { sub: 'system:serviceaccount:agents:other' }, {}],
    [
      'a subject that reaches over a separator',
      { sub: 'system:serviceaccount:agents:mailer-a:b' },
      {},
    ],
    ['a missing condition', { zone: undefined }, {}],
    ['another value of a condition', { zone: 'us' }, {}],
    ['no end', { exp: undefined }, {}],
    ['an end in the past', { exp: 1 }, {}],
    ['a begin in the future', { iat: 1_900_000_000, exp: 1_900_003_600 }, {}],
    ['a life of a week', { exp: 1_800_600_000 }, {}],
    ['no subject', { sub: undefined }, {}],
    ['an unknown critical header', {}, { crit: ['x'], x: 1 }],
  ])('is refused with %s', async (_name, claims, header) => {
    const test = await rig();
    const make = token(test.clock.now(), claims, rsa.privateKey, header);
    const assertion = await make.catch(() => undefined);
    if (assertion === undefined) return;
    expect((await test.ask(assertion)).body).toMatchObject({ error: 'invalid_grant' });
  });

  test('is refused under a foreign key, a key of the header, or a secret made of the public key', async () => {
    const test = await rig();
    const now = test.clock.now();
    const jwk = other.publicKey.export({ format: 'jwk' });
    const iat = Math.floor(now / SECOND_MS);
    const secret = rsa.publicKey.export({ type: 'spki', format: 'pem' });
    const forged = [
      await token(now, {}, other.privateKey),
      await token(now, {}, other.privateKey, { jwk }),
      await new SignJWT({ iss: CLUSTER, sub: SUBJECT, aud: ISSUER, iat, exp: iat + 60, zone: 'eu' })
        .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
        .sign(Buffer.from(secret)),
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await token(now)).split('.')[1]}.`,
      'x',
      '',
    ];
    for (const assertion of forged) expect((await test.ask(assertion)).status).toBe(400);
  });

  test('gets nothing when its agent is suspended or not there, or for another client id', async () => {
    const test = await rig();
    const assertion = await token(test.clock.now());
    expect((await test.ask(assertion, { client_id: 'agt_x' })).status).toBe(400);
    expect((await test.ask(assertion, { client_id: test.agentId })).status).toBe(200);
    await test.identity.registry.transition(test.agentId, 'suspended', BY);
    expect((await test.ask(assertion)).status).toBe(400);
    const nobody = await rig([issuer({ subjects: [{ subject: SUBJECT, agent: 'nobody' }] })]);
    expect((await nobody.ask(await token(nobody.clock.now()))).status).toBe(400);
  });

  test('is unknown where no platform is trusted', async () => {
    const test = await rig([]);
    expect((await test.ask(await token(test.clock.now()))).body).toMatchObject({
      error: 'invalid_grant',
    });
  });

  test('cannot be configured to be anybody, or with a secret for a key', () => {
    const deps = { registry: {} as never, clock: createFakeClock(), ourIssuer: ISSUER };
    for (const bad of [
      issuer({ subjects: [{ subject: '*', agent: 'mailer' }] }),
      issuer({ jwks: { keys: [] } }),
      issuer({ jwks: { keys: [{ kty: 'oct', k: 'x' }] } }),
      issuer({
        jwks: { keys: [rsa.privateKey.export({ format: 'jwk' }) as Record<string, unknown>] },
      }),
    ])
      expect(() => createWorkloadAssertions({ ...deps, issuers: [bad] })).toThrow(
        'workload issuers',
      );
    expect(() => createWorkloadAssertions({ ...deps, issuers: [issuer(), issuer()] })).toThrow(
      'twice',
    );
  });
});
