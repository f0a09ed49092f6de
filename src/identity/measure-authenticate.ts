/**
 * What `authenticate` and `revoked` cost. Run: `node src/identity/measure-authenticate.ts`. Prints the
 * median and the 99th percentile of single calls in microseconds; asserts nothing.
 */
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { sha256Base64Url, systemClock } from '../kernel/index.ts';
import { BY, createTestIdentity, ISSUER, MCP } from './test-identity.ts';
import { signJws } from './tokens/jws.ts';

const test = await createTestIdentity({ clock: systemClock });
const { agent, file } = await test.keyed();
const { authenticator, accessTokens, revocations, bootstraps } = test.identity;
for (let i = 0; i < 100_000; i++)
  revocations.apply({ id: `tok_${i}`, sequence: i, at: 0, reason: 'x' });

const measure = (name: string, count: number, work: (i: number) => unknown): void => {
  const times = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    work(i);
    times[i] = (performance.now() - start) * 1000;
  }
  times.sort();
  const at = (share: number): string => (times[Math.floor(count * share)] ?? 0).toFixed(2);
  console.log(`${name.padEnd(48)} p50 ${at(0.5).padStart(8)}  p99 ${at(0.99).padStart(8)} µs`);
};
const present = (token: string, dpop?: string) =>
  authenticator.authenticate({
    authorization: `${dpop === undefined ? 'Bearer' : 'DPoP'} ${token}`,
    ...(dpop === undefined ? {} : { dpop }),
    method: 'POST',
    resource: MCP,
  });
const issue = (jkt?: string): string =>
  accessTokens.issue({
    agent,
    path: [agent.id],
    clientId: agent.id,
    audience: MCP,
    scopes: ['mcp'],
    ...(jkt === undefined ? {} : { jkt }),
  }).token;

const tokens = Array.from({ length: 4000 }, () => issue());
measure('issue an access token', 4000, () => issue());
measure('authenticate, first sight', 4000, (i) => present(tokens[i] ?? ''));
const one = tokens[0] ?? '';
measure('authenticate, cached', 200_000, () => present(one));
const bootstrap = await bootstraps.issue(agent.id, BY);
measure('authenticate, cached bootstrap token', 100_000, () => present(bootstrap.token));
measure('authenticate, forged signature', 2000, (i) =>
  present((tokens[i] ?? '').slice(0, -86) + (tokens[i + 1] ?? '').slice(-86)),
);
const principal = await present(one);
if ('refused' in principal) throw new Error(principal.reason);
const cpu = (name: string, count: number, work: () => unknown): void => {
  const start = process.cpuUsage();
  for (let i = 0; i < count; i++) work();
  const { user, system } = process.cpuUsage(start);
  console.log(`${name.padEnd(48)} CPU, mean ${((user + system) / count).toFixed(3)} µs`);
};
cpu('revoked()', 2_000_000, () => authenticator.revoked(principal));
cpu('authenticate, cached', 300_000, () => present(one));
const parts = one.split('.');
const key = createPublicKey({ key: { ...test.identity.issuerKeys.jwks().keys[0] }, format: 'jwk' });
const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
const signature = Buffer.from(parts[2] ?? '', 'base64url');
cpu('node:crypto ES256 verify alone', 3000, () =>
  verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature),
);
let next = 0;
const fresh = Array.from({ length: 3000 }, () => issue());
cpu('authenticate, first sight', 3000, () => present(fresh[next++] ?? ''));

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = publicKey.export({ format: 'jwk' });
const iat = Math.floor(systemClock.now() / 1000);
const prove = (claims: object): string =>
  signJws({ typ: 'dpop+jwt', jwk }, { iat, htm: 'POST', ...claims }, privateKey, 'ES256');
const grant = await test.post(
  '/oauth/token',
  {
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: test.assertion(file),
  },
  { dpop: prove({ jti: 'first', htu: `${ISSUER}/oauth/token` }) },
);
const bound = JSON.parse(grant.body).access_token as string;
const proofs = Array.from({ length: 3000 }, (_, i) =>
  prove({ jti: `j${i}`, htu: MCP, ath: sha256Base64Url(bound) }),
);
measure('authenticate, cached + DPoP (known key)', 3000, (i) => present(bound, proofs[i]));
const assertions = Array.from({ length: 100 }, () => test.assertion(file));
const begun = performance.now();
for (const client_assertion of assertions)
  await test.post('/oauth/token', {
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion,
  });
console.log(
  `token endpoint, private_key_jwt, mean: ${((performance.now() - begun) * 10).toFixed(0)} µs`,
);
test.identity.close();
