import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createFakeClock, createSeededRandom, sha256Hex } from '../../kernel/index.ts';
import { createScratch } from '../testing/rig.ts';
import { type BodyStoreOptions, createBodyStore } from './create-body-store.ts';

const scratch = createScratch();
afterAll(scratch.cleanUp);

const build = async (options: Partial<BodyStoreOptions> = {}) => {
  const dir = await scratch.dir();
  const clock = createFakeClock();
  const random = createSeededRandom();
  return { dir, clock, store: createBodyStore({ dir, clock, random, bodies: 'full', ...options }) };
};

test('keeps a body once under its digest, readable by its owner only', async () => {
  const { dir, store } = await build();
  const put = await store.putBody('{"a":1}');
  expect(await store.putBody(Buffer.from('{"a":1}'))).toEqual(put);
  expect(put).toEqual({ digest: sha256Hex('{"a":1}'), bytes: 7, kept: true });
  expect(Buffer.from((await store.getBody(put.digest))!).toString()).toBe('{"a":1}');
  const folder = join(dir, put.digest.slice(0, 2));
  expect(await readdir(folder)).toEqual([put.digest]);
  expect((await stat(join(folder, put.digest))).mode & 0o777).toBe(0o600);
});

test('keeps nothing but the digest unless it is configured to', async () => {
  const { dir, store } = await build({ bodies: 'none' });
  const put = await store.putBody('secret');
  expect(put).toEqual({ digest: sha256Hex('secret'), bytes: 6, kept: false });
  expect(await readdir(dir)).toEqual([]);
  expect(await store.getBody(put.digest)).toBeUndefined();
});

test('refuses bodies past the bound', async () => {
  const { dir, store } = await build({ maxBytes: 10 });
  await expect(store.putBody('x'.repeat(11))).rejects.toMatchObject({
    code: 'AUDIT_BODY_TOO_LARGE',
  });
  expect(await readdir(dir)).toEqual([]);
});

test('notices a body that was changed', async () => {
  const { dir, store } = await build();
  const { digest } = await store.putBody('true');
  await writeFile(join(dir, digest.slice(0, 2), digest), 'fals');
  await expect(store.getBody(digest)).rejects.toMatchObject({ code: 'AUDIT_BODY_DAMAGED' });
});

test('drops one, or all of a certain age', async () => {
  const { store, clock } = await build();
  const old = await store.putBody('old');
  const again = await store.putBody('again');
  clock.advance(60_000);
  await store.putBody('again');
  const fresh = await store.putBody('fresh');
  expect(await store.dropBodiesBefore(clock.now() - 30_000)).toBe(1);
  expect(await store.getBody(old.digest)).toBeUndefined();
  expect(await store.getBody(again.digest)).toBeDefined();
  expect(await store.dropBody(fresh.digest)).toBe(true);
  expect(await store.dropBody(fresh.digest)).toBe(false);
});

test('does not take a path for a digest', async () => {
  const { dir, store } = await build();
  await writeFile(join(dir, 'x'), 'outside');
  expect(await store.getBody('../x')).toBeUndefined();
  expect(await store.dropBody('../x')).toBe(false);
  expect(await readdir(dir)).toEqual(['x']);
});
