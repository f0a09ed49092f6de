// What it costs to know who calls: per call at the gateway, and per delegation at the token endpoint.
import { createPrivateKey, generateKeyPairSync, randomUUID, sign, verify } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, EmbeddedJWK, jwtVerify, SignJWT } from 'jose';
import {
  type AgentKeyFile,
  allowing,
  createAssertionSigner,
  createIdentity,
  createMemoryIdentityStore,
  createResourceDirectory,
  readDetails,
} from '../../src/identity/index.ts';
import {
  createNullLogger,
  DAY_MS,
  sha256Base64Url,
  systemClock,
  systemRandom,
} from '../../src/kernel/index.ts';
import type { Bench } from './model.ts';

const ISSUER = 'https://gw.example';
const MCP = `${ISSUER}/mcp`;
const TOKEN = `${ISSUER}/oauth/token`;
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const BY = { user: 'bench', channel: 'system', reason: 'bench' } as const;
const DETAIL = {
  type: 'agent_tool',
  server: 'github',
  use: true,
  args: { repo: { prefix: 'acme' } },
};
const PARENT = [{ ...DETAIL, tools: ['search_issues', 'get_issue', 'create_pr'], delegate: 3 }];
const CHILD = [
  { ...DETAIL, tools: ['search_issues'], delegate: 0, args: { repo: { eq: 'acme/app' } } },
];

/** Mean CPU time (all threads) of one run in microseconds; the best of three rounds, since others use the machine too. */
async function cpu(count: number, work: (i: number) => unknown): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < count; i++) {
      const done = work(round * count + i);
      if (done instanceof Promise) await done;
    }
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / count);
  }
  return Math.round(best * 100) / 100;
}

export const run: Bench = async (report, say, options) => {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-auth-bench-'));
  const quick = options?.quick === true;
  const scaled = (count: number): number => (quick ? Math.ceil(count / 10) : count);
  const identity = await createIdentity({
    store: createMemoryIdentityStore(),
    directory,
    resources: createResourceDirectory({ publicUrl: ISSUER }),
    onChange: () => undefined,
    verifyHuman: () => undefined,
    clock: systemClock,
    random: systemRandom,
    logger: createNullLogger(),
  });
  try {
    await identity.blueprints.define(
      {
        name: 'worker',
        purpose: 'works',
        maySpawn: ['worker'],
        maxChildren: 1000,
        ceiling: PARENT,
      },
      BY,
    );
    let serial = 0;
    const newAgent = async (): Promise<{ id: string; assertion: () => string }> => {
      const staged = await identity.registry.register(
        {
          name: `agent-${++serial}`,
          owners: ['ann@example.com'],
          purpose: 'bench',
          blueprint: 'worker',
          expiresAt: systemClock.now() + DAY_MS,
        },
        BY,
      );
      const agent = await identity.registry.transition(staged.id, 'active', BY);
      const { file } = await identity.agentKeys.generate(agent.id, BY);
      const key = JSON.parse(await readFile(file, 'utf8')) as AgentKeyFile;
      return {
        id: agent.id,
        assertion: createAssertionSigner(key, { clock: systemClock, random: systemRandom }),
      };
    };
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const ecJwk = ec.publicKey.export({ format: 'jwk' });
    const proof = (
      url: string,
      more: object,
      key = ec.privateKey,
      jwk: object = ecJwk,
    ): Promise<string> =>
      new SignJWT({ jti: randomUUID(), htm: 'POST', htu: url, ...more })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .setIssuedAt()
        .sign(key);
    const post = async (
      form: Record<string, string>,
      dpop?: string,
    ): Promise<Record<string, unknown>> => {
      const response = await identity.authorizationServer.handle({
        method: 'POST',
        path: '/oauth/token',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          ...(dpop === undefined ? {} : { dpop }),
        },
        body: new URLSearchParams(form).toString(),
        remote: `r${++serial}`,
      });
      const body = JSON.parse(response?.body ?? '{}') as Record<string, unknown>;
      if (response?.status !== 200) throw new Error(JSON.stringify(body));
      return body;
    };
    const credentials = (assertion: string) => ({
      grant_type: 'client_credentials',
      client_assertion_type: ASSERTION,
      client_assertion: assertion,
    });
    const present = (token: string, dpop?: string): void => {
      const answer = identity.authenticator.authenticate({
        authorization: `${dpop === undefined ? 'Bearer' : 'DPoP'} ${token}`,
        ...(dpop === undefined ? {} : { dpop }),
        method: 'POST',
        resource: MCP,
      });
      if ('refused' in answer) throw new Error(answer.reason);
    };
    const root = await newAgent();
    say(`CPU per operation, best of three rounds; load average ${loadavg()[0]?.toFixed(1)}`);

    const bearer = String((await post(credentials(root.assertion())))['access_token']);
    const jwks = createLocalJWKSet(identity.issuerKeys.jwks() as never);
    const input = Buffer.from('x'.repeat(700));
    const signature = sign('sha256', input, ec.privateKey);
    const floor = await cpu(scaled(1000), () => verify('sha256', input, ec.publicKey, signature));
    report({ name: 'floor: one ES256 verification by node:crypto', value: floor, unit: 'µs' });
    const joseToken = await cpu(scaled(1000), () =>
      jwtVerify(bearer, jwks, { issuer: ISSUER, audience: MCP, typ: 'at+jwt' }),
    );
    report({ name: 'jose: verify the same token', value: joseToken, unit: 'µs' });
    const fresh: string[] = [];
    for (let i = 0; i < scaled(600) * 3; i++)
      fresh.push(String((await post(credentials(root.assertion())))['access_token']));
    report({
      name: 'first sight of a token',
      value: await cpu(scaled(600), (i) => present(fresh[i] ?? '')),
      unit: 'µs',
    });
    const cached = await cpu(scaled(100_000), () => present(bearer));
    report({
      name: 'cached bearer token',
      value: cached,
      unit: 'µs',
      bar: '<= 10',
      holds: cached <= 10,
    });

    const bound = String(
      (await post(credentials(root.assertion()), await proof(TOKEN, {})))['access_token'],
    );
    const ath = sha256Base64Url(bound);
    const proofs: string[] = [];
    for (let i = 0; i < scaled(1000) * 3 + 1; i++) proofs.push(await proof(MCP, { ath }));
    const joseProof = await cpu(scaled(300), (i) =>
      jwtVerify(proofs[i] ?? '', EmbeddedJWK, { typ: 'dpop+jwt' }),
    );
    report({ name: 'jose: verify a DPoP proof alone', value: joseProof, unit: 'µs' });
    const dpop = await cpu(scaled(1000), (i) => present(bound, proofs[i]));
    report({
      name: 'cached token with a DPoP proof',
      value: dpop,
      unit: 'µs',
      bar: '<= 100',
      holds: dpop <= 100,
    });

    report({
      name: 'cached token with a DPoP proof, share of the floor',
      value: Math.round((dpop / floor) * 100) / 100,
      unit: 'x',
    });

    const details = readDetails(PARENT);
    if (!details.ok) throw new Error(details.problem);
    const rights = { details: details.details, counters: [[]] };
    const call = { server: 'github', tool: 'get_issue', args: { repo: 'acme/app', title: 'x' } };
    report({
      name: 'is a call within the rights of its chain',
      value: await cpu(scaled(200_000), () => allowing(rights, call)),
      unit: 'µs',
    });

    // Each parent has at most 1,000 children, and each child a key that was never seen.
    const rounds = scaled(300);
    const parents = [await newAgent(), await newAgent(), await newAgent()];
    const requests: { form: Record<string, string>; dpop: string }[] = [];
    for (const parent of parents) {
      const subject = String((await post(credentials(parent.assertion())))['access_token']);
      for (let i = 0; i < rounds; i++) {
        const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
        const key = createPrivateKey({ key: privateKey.export({ format: 'jwk' }), format: 'jwk' });
        requests.push({
          form: {
            grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
            subject_token: subject,
            subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
            client_assertion_type: ASSERTION,
            client_assertion: parent.assertion(),
            authorization_details: JSON.stringify(CHILD),
          },
          dpop: await proof(TOKEN, {}, key, publicKey.export({ format: 'jwk' })),
        });
      }
    }
    const exchange = await cpu(rounds, (i) => {
      const request = requests[i];
      return request === undefined ? undefined : post(request.form, request.dpop);
    });
    report({
      name: 'token exchange: verify three signatures, register, sign',
      value: exchange,
      unit: 'µs',
      bar: '<= 1000',
      holds: exchange <= 1000,
    });
    report({
      name: 'token exchange, share of the floor',
      value: Math.round((exchange / floor) * 100) / 100,
      unit: 'x',
    });
  } finally {
    identity.close();
    await rm(directory, { recursive: true, force: true });
  }
};

if (import.meta.main) {
  await run(
    (f) =>
      console.log(
        `${f.name}: ${f.value} ${f.unit}${f.bar === undefined ? '' : ` (bar ${f.bar}: ${f.holds ? 'holds' : 'MISSED'})`}`,
      ),
    (line) => console.log(`# ${line}`),
    { quick: process.argv.includes('--quick') },
  );
}
