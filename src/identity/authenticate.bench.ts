/**
 * What `authenticate` and `revoked` cost. Run: `node src/identity/authenticate.bench.ts`. Prints the
 * median and the 99th percentile of single calls in microseconds; asserts nothing.
 */
import { generateKeyPairSync } from 'node:crypto';
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
  present(`${(tokens[i] ?? '').slice(0, -86)}${'A'.repeat(86)}`),
);
const principal = await present(one);
if ('refused' in principal) throw new Error(principal.reason);
let start = performance.now();
for (let i = 0; i < 2_000_000; i++) authenticator.revoked(principal);
console.log(
  `revoked(), mean of 2 million: ${(((performance.now() - start) * 1e6) / 2e6).toFixed(0)} ns`,
);
start = performance.now();
for (let i = 0; i < 200_000; i++) present(one);
console.log(
  `authenticate cached, mean: ${(((performance.now() - start) * 1e3) / 2e5).toFixed(2)} µs`,
);

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = publicKey.export({ format: 'jwk' });
const iat = Math.floor(Date.now() / 1000);
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
