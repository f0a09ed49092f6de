import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { SECOND_MS, sha256Base64Url } from '../../../kernel/index.ts';
import type { IdentityChange, Principal } from '../../model.ts';
import { BY, createTestIdentity, ISSUER, MCP } from '../../test-identity.ts';
import { parseCompact, signJws } from '../../tokens/jws.ts';

export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ACCESS = 'urn:ietf:params:oauth:token-type:access_token';
export const JWT = 'urn:ietf:params:oauth:token-type:jwt';
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const READ = {
  type: 'agent_tool',
  server: 'github',
  tools: ['read'],
  use: true,
  delegate: 0,
};
export const COORDINATE = {
  ...READ,
  tools: ['*'],
  use: false,
  delegate: 3,
  args: { repo: { prefix: 'acme' } },
};
export const NARROW = { ...READ, args: { repo: { eq: 'acme/app' } } };

export interface Key {
  readonly key: KeyObject;
  readonly jwk: object;
}
export interface Child extends Key {
  readonly id: string;
  readonly token: string;
  readonly body: Record<string, unknown>;
}

export const newKey = (): Key => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { key: privateKey, jwk: publicKey.export({ format: 'jwk' }) };
};

/** An orchestrator whose blueprint may hand down, and what tests do with it. */
export async function createExchangeRig(
  blueprint: object = {},
  workers: object = {},
  onChange?: (change: IdentityChange) => Promise<void>,
) {
  const on = await createTestIdentity(onChange === undefined ? {} : { onChange });
  const { blueprints, registry, agentKeys } = on.identity;
  await blueprints.define(
    {
      name: 'orchestrator',
      purpose: 'plans',
      maySpawn: ['worker', 'orchestrator'],
      ceiling: [COORDINATE],
      ...blueprint,
    },
    BY,
  );
  await blueprints.define(
    { name: 'worker', purpose: 'works', maySpawn: ['worker'], ...workers },
    BY,
  );
  const keyed = async (name: string, kind: string) => {
    const { agent, file } = await on.keyed(name);
    await registry.update(agent.id, agent.version, { blueprint: kind }, BY);
    return { id: agent.id, file };
  };
  const root = await keyed('planner', 'orchestrator');
  const seconds = (): number => Math.floor(on.clock.now() / SECOND_MS);
  const dpop = ({ key, jwk }: Key, url = `${ISSUER}/oauth/token`, token?: string): string =>
    signJws(
      { typ: 'dpop+jwt', jwk },
      {
        jti: randomUUID(),
        htm: 'POST',
        htu: url,
        iat: seconds(),
        ...(token === undefined ? {} : { ath: sha256Base64Url(token) }),
      },
      key,
      'EdDSA',
    );
  const selfSigned = (id: string, { key }: Key): string =>
    signJws(
      { typ: 'JWT' },
      { iss: id, sub: id, aud: ISSUER, jti: randomUUID(), iat: seconds(), exp: seconds() + 60 },
      key,
      'EdDSA',
    );
  const post = async (form: Record<string, string>, headers: Record<string, string> = {}) => {
    on.clock.advance(300);
    const response = await on.post('/oauth/token', form, headers);
    return { status: response.status, body: JSON.parse(response.body) as Record<string, unknown> };
  };
  const auth = (assertion: string) => ({
    client_assertion_type: ASSERTION,
    client_assertion: assertion,
  });
  const exchange = (
    assertion: string,
    subject: string,
    key: Key,
    over: Record<string, string> = {},
  ) =>
    post(
      {
        grant_type: EXCHANGE,
        subject_token: subject,
        subject_token_type: ACCESS,
        authorization_details: JSON.stringify([NARROW]),
        blueprint: 'worker',
        ...auth(assertion),
        ...over,
      },
      { dpop: dpop(key) },
    );
  const made = async (answer: ReturnType<typeof exchange>, key: Key): Promise<Child> => {
    const { status, body } = await answer;
    if (status !== 200) throw new Error(JSON.stringify(body));
    return { ...key, id: String(body['client_id']), token: String(body['access_token']), body };
  };
  const spawn = async (over: Record<string, string> = {}, subject?: string): Promise<Child> => {
    const key = newKey();
    return made(
      exchange(on.assertion(root.file), subject ?? (await on.token(root.file)), key, over),
      key,
    );
  };
  const spawnFrom = async (parent: Child, over: Record<string, string> = {}): Promise<Child> => {
    const key = newKey();
    return made(exchange(selfSigned(parent.id, parent), parent.token, key, over), key);
  };
  const present = (child: Child, resource = MCP): Principal | string => {
    const answer = on.identity.authenticator.authenticate({
      authorization: `DPoP ${child.token}`,
      dpop: dpop(child, resource, child.token),
      method: 'POST',
      resource,
    });
    if (answer instanceof Promise) throw new Error('the answer is always synchronous');
    return 'refused' in answer ? answer.reason : answer;
  };
  const renew = (child: Child, over: Record<string, string> = {}, key: Key = child) =>
    post(
      { grant_type: 'client_credentials', ...auth(selfSigned(child.id, child)), ...over },
      { dpop: dpop(key) },
    );
  return {
    ...on,
    on,
    root,
    keyed,
    auth,
    post,
    exchange,
    spawn,
    spawnFrom,
    present,
    renew,
    dpop,
    selfSigned,
    agentKeys,
    registry,
    blueprints,
  };
}
export const wide = (delegate: number): string =>
  JSON.stringify([{ ...NARROW, args: { repo: { prefix: 'acme' } }, delegate }]);
export const claims = (token: string) => parseCompact(token)?.payload ?? {};
