import { expect, test } from 'vitest';
import type {
  CredentialChallenge,
  Credentialed,
  CredentialRefusal,
  UpstreamCredentials,
} from './credentials.ts';
import {
  failure,
  json,
  legacy,
  modern,
  result,
  type Script,
  startHttp,
} from './fixtures/http-fixture.ts';
import { closeLater, code, echo } from './fixtures/http-rig.ts';
import { createRig, http, tool } from './fixtures/rig.ts';

type Answer = 'retry' | CredentialRefusal | undefined;

function credentials(parts: {
  headersFor?: () => Credentialed | Promise<Credentialed>;
  challenged?: (challenge: CredentialChallenge) => Answer;
}): UpstreamCredentials & { challenges: CredentialChallenge[]; nonces: string[] } {
  const challenges: CredentialChallenge[] = [];
  const nonces: string[] = [];
  return {
    challenges,
    nonces,
    headersFor: () => parts.headersFor?.(),
    async challenged(challenge) {
      challenges.push(challenge);
      return parts.challenged?.(challenge);
    },
    nonceGiven: (_server, nonce) => void nonces.push(nonce),
  };
}

async function rigWith(
  script: Script,
  given: UpstreamCredentials,
  config: Parameters<typeof http>[1] = {},
) {
  const server = await startHttp(script);
  closeLater(() => server.close());
  const rig = createRig(http(server.url, config), {}, { credentials: given });
  closeLater(() => rig.pool.close());
  return { server, rig };
}

/** A server that takes this token and nothing else. */
const guarded =
  (token: string, inner: Script): Script =>
  (seen, response) =>
    seen.headers.authorization === `Bearer ${token}`
      ? inner(seen, response)
      : json(response, 401, failure(seen.body?.id ?? null, -1), {
          'www-authenticate': 'Bearer x=1',
        });

const bearer = (token: string, stamp = 1) => ({
  headers: ['authorization', `Bearer ${token}`],
  stamp,
});

test.each([
  ['modern', modern(echo)],
  ['legacy', legacy(echo)],
])('every request to a %s server carries what is given for it', async (_, script) => {
  let count = 0;
  const given = credentials({
    headersFor: () => ({ headers: ['authorization', `DPoP ${++count}`], stamp: 1 }),
  });
  const { server, rig } = await rigWith(script, given);
  const connection = await rig.connect();
  await connection.request(tool('x'));
  const sent = server.seen.map(({ headers }) => headers.authorization);
  expect(sent.length).toBeGreaterThanOrEqual(2);
  expect(new Set(sent).size).toBe(sent.length);
});

test('a challenge that can be answered is, and the call is sent anew', async () => {
  let token: string | undefined;
  const given = credentials({
    headersFor: () => (token === undefined ? undefined : bearer(token)),
    challenged: () => {
      token = 'good';
      return 'retry';
    },
  });
  const { server, rig } = await rigWith(guarded('good', legacy(echo)), given);
  const connection = await rig.connect();
  expect(await connection.request(tool('x'))).toMatchObject({ kind: 'result' });
  expect(given.challenges).toEqual([
    {
      server: 's',
      status: 401,
      wwwAuthenticate: 'Bearer x=1',
      dpopNonce: undefined,
      stamp: undefined,
    },
  ]);
  expect(server.log().filter((line) => line === 'POST tools/call')).toHaveLength(1);
});

test('a call waits for a token that is on its way', async () => {
  const late = Promise.withResolvers<Credentialed>();
  const given = credentials({ headersFor: () => late.promise });
  const { rig } = await rigWith(guarded('late', modern(echo)), given);
  const connecting = rig.connect();
  late.resolve(bearer('late'));
  expect(await (await connecting).request(tool('x'))).toMatchObject({ kind: 'result' });
});

test('where a person is needed the caller is told, and is served at once after that', async () => {
  let token: string | undefined;
  const given = credentials({
    headersFor: () => (token === undefined ? undefined : bearer(token)),
    challenged: () => ({ refused: 'login', problem: 'nobody authorized it yet' }),
  });
  const { rig } = await rigWith(guarded('good', modern(echo)), given);
  for (let attempt = 0; attempt < 5; attempt++)
    expect(await code(rig.connect())).toBe('GW_UPSTREAM_UNAUTHORIZED');
  token = 'good';
  expect(await (await rig.connect()).request(tool('x'))).toMatchObject({ kind: 'result' });
});

test('an endless chain of refusals ends', async () => {
  let calls = 0;
  const script = modern(({ body }, response) => {
    calls++;
    json(response, 401, failure(body.id, -1));
  });
  const given = credentials({ headersFor: () => bearer('x'), challenged: () => 'retry' });
  const { rig } = await rigWith(script, given);
  const connection = await rig.connect();
  expect(await code(connection.request(tool('x')))).toBe('GW_UPSTREAM_UNAVAILABLE');
  expect(calls).toBe(4);
});

test('without credentials for the server a refusal stays what it was', async () => {
  const given = credentials({});
  const { rig } = await rigWith(guarded('good', modern(echo)), given);
  expect(await code(rig.connect())).toBe('GW_UPSTREAM_UNAVAILABLE');
});

test('a configured Authorization header rules out all others', async () => {
  const given = credentials({ headersFor: () => bearer('other') });
  const { server, rig } = await rigWith(modern(echo), given, {
    headers: { Authorization: 'Bearer configured' },
  });
  await (await rig.connect()).request(tool('x'));
  expect(new Set(server.seen.map(({ headers }) => headers.authorization))).toEqual(
    new Set(['Bearer configured']),
  );
});

test('a nonce beside an answer is passed on, one that fits no header is not', async () => {
  const script = modern(({ body }, response) =>
    json(response, 200, result(body.id, {}), {
      'dpop-nonce': body.params.name === 'good' ? 'n-1' : 'with "quotes"',
    }),
  );
  const given = credentials({ headersFor: () => bearer('x') });
  const { rig } = await rigWith(script, given);
  const connection = await rig.connect();
  await connection.request(tool('good'));
  await connection.request(tool('bad'));
  expect(given.nonces).toEqual(['n-1']);
});
