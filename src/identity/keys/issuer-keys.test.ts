import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import { BY, createTestIdentity, ISSUER, MCP } from '../test-identity.ts';
import { ISSUER_KEY_FILE } from './issuer-keys.ts';

describe('the issuer keys', () => {
  test('are made on first start in a file only the owner can read, and found again', async () => {
    const first = await createTestIdentity();
    const path = join(first.directory, ISSUER_KEY_FILE);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const second = await createTestIdentity({ directory: first.directory });
    expect(second.identity.issuerKeys.jwks()).toEqual(first.identity.issuerKeys.jwks());
  });

  test('are the same for two processes that start at once', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sallyport-identity-'));
    const all = await Promise.all([1, 2, 3].map(() => createTestIdentity({ directory })));
    const kids = all.map(({ identity }) => identity.issuerKeys.signer().kid);
    expect(new Set(kids).size).toBe(1);
  });

  test('publish public members only, named by their RFC 7638 thumbprint', async () => {
    const { get } = await createTestIdentity();
    const { keys } = JSON.parse((await get('/oauth/jwks')).body);
    expect(keys).toHaveLength(1);
    expect(Object.keys(keys[0]).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    expect(keys[0].kid).toBe(await calculateJwkThumbprint(keys[0]));
  });

  test('sign tokens that another library verifies with the published set', async () => {
    const { identity, keyed, token } = await createTestIdentity({ clock: systemClock });
    const live = await token((await keyed()).file);
    const set = createLocalJWKSet(identity.issuerKeys.jwks() as never);
    const { payload } = await jwtVerify(live, set, {
      issuer: ISSUER,
      audience: MCP,
      typ: 'at+jwt',
    });
    expect(payload['client_id']).toBe(payload.sub);
  });

  test('keep the previous key valid through one rotation, across a restart', async () => {
    const { identity, keyed, token, present, directory, store, changes } =
      await createTestIdentity();
    const { file } = await keyed();
    const old = await token(file);
    await identity.rotateIssuerKey(BY);
    expect(changes.at(-1)).toMatchObject({ action: 'issuer_key.rotate' });
    expect(typeof present(old)).toBe('object');
    expect(typeof present(await token(file))).toBe('object');
    const restarted = await createTestIdentity({ directory, store });
    expect(typeof restarted.present(old)).toBe('object');
    await restarted.identity.rotateIssuerKey(BY);
    const third = await createTestIdentity({ directory, store });
    expect(third.present(old)).toBe('unknown_key');
  });

  test.each<[string, (path: string) => void]>([
    ['open to other users', (path) => chmodSync(path, 0o644)],
    ['not JSON', (path) => writeFileSync(path, 'x')],
    [
      'with a public half of another key',
      (path) => {
        const stored = JSON.parse(readFileSync(path, 'utf8'));
        stored.current.x = stored.current.y;
        writeFileSync(path, JSON.stringify(stored));
      },
    ],
  ])('are refused when their file is %s', async (_name, damage) => {
    const { directory } = await createTestIdentity();
    const path = join(directory, ISSUER_KEY_FILE);
    damage(path);
    const secret = readFileSync(path, 'utf8').match(/"d":"([^"]+)"/)?.[1] ?? 'none';
    const failure = await createTestIdentity({ directory }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'IDENTITY_KEY_FILE' });
    expect(String(failure)).not.toContain(secret);
  });

  test('are not read through a symbolic link', async () => {
    const { directory } = await createTestIdentity();
    const other = mkdtempSync(join(tmpdir(), 'sallyport-identity-'));
    symlinkSync(join(directory, ISSUER_KEY_FILE), join(other, ISSUER_KEY_FILE));
    await expect(createTestIdentity({ directory: other })).rejects.toMatchObject({
      code: 'IDENTITY_KEY_FILE',
    });
  });
});

describe('agent keys', () => {
  test('go to the agent in a file of mode 0600, and only their public half stays', async () => {
    const { identity, agent, store, changes } = await createTestIdentity();
    const { id } = await agent();
    const { file } = await identity.agentKeys.generate(id, BY, 'EdDSA');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { key } = JSON.parse(readFileSync(file, 'utf8'));
    expect(JSON.stringify([await store.keys(), changes])).not.toContain(key.d);
  });

  test('identify one agent only, also after they were revoked', async () => {
    const { identity, agent, keyed } = await createTestIdentity();
    const { file, agent: owner } = await keyed();
    const { d: _d, ...publicJwk } = file.key;
    const { id } = await agent('second');
    const taken = { code: 'IDENTITY_KEY_TAKEN' };
    await expect(identity.agentKeys.add(id, publicJwk, BY)).rejects.toMatchObject(taken);
    await identity.agentKeys.revoke(identity.agentKeys.list(owner.id)[0]!.id, BY);
    await expect(identity.agentKeys.add(id, publicJwk, BY)).rejects.toMatchObject(taken);
  });

  test('are refused when private, weak or too many', async () => {
    const { identity, agent, keyed } = await createTestIdentity();
    const { file } = await keyed();
    const { id } = await agent('second');
    for (const jwk of [file.key, { kty: 'RSA', n: 'AQAB', e: 'AQAB' }, null, 'x', []])
      await expect(identity.agentKeys.add(id, jwk, BY)).rejects.toMatchObject({
        code: 'IDENTITY_INVALID',
      });
    for (let i = 0; i < 5; i++) await identity.agentKeys.generate(id, BY, 'EdDSA');
    await expect(identity.agentKeys.generate(id, BY)).rejects.toMatchObject({
      code: 'IDENTITY_LIMIT',
    });
  });
});
