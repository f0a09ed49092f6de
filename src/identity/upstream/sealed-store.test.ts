import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemRandom } from '../../kernel/index.ts';
import { openSealedStore } from './sealed-store.ts';

let dir = '';
beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'sallyport-sealed-')), 'upstream');
});
afterEach(() => rm(join(dir, '..'), { recursive: true, force: true }));

test('gives back what was written, also after it was opened anew', async () => {
  const store = await openSealedStore(dir, systemRandom);
  expect(await store.read('files')).toBeUndefined();
  await store.write('files', { token: 'secret-token' });
  expect(await (await openSealedStore(dir, systemRandom)).read('files')).toEqual({
    token: 'secret-token',
  });
  await store.remove('files');
  await store.remove('files');
  expect(await store.read('files')).toBeUndefined();
});

test('keeps everything from other users and nothing in the clear', async () => {
  const store = await openSealedStore(dir, systemRandom);
  await store.write('files', { token: 'secret-token' });
  expect((await stat(dir)).mode & 0o077).toBe(0);
  const names = await readdir(dir);
  expect(names.sort()).toEqual(['files.sealed', 'key']);
  for (const name of names) {
    expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
    const text = await readFile(join(dir, name), 'utf8');
    expect(text).not.toContain('secret-token');
    expect(text).not.toContain(Buffer.from('secret-token').toString('base64url'));
  }
});

test('opens no file that was changed, cut off, or put under the name of another server', async () => {
  const store = await openSealedStore(dir, systemRandom);
  await store.write('files', { token: 'secret-token' });
  const path = join(dir, 'files.sealed');
  const good = await readFile(path, 'utf8');
  await writeFile(join(dir, 'other.sealed'), good, { mode: 0o600 });
  expect(await store.read('other')).toBeUndefined();
  const bytes = Buffer.from(good, 'base64url');
  for (const at of [0, 12, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await writeFile(path, changed.toString('base64url'));
    expect(await store.read('files')).toBeUndefined();
  }
  await writeFile(path, good.slice(0, 10));
  expect(await store.read('files')).toBeUndefined();
  await writeFile(path, good);
  expect(await store.read('files')).toEqual({ token: 'secret-token' });
});

test('refuses names that lead out of its directory', async () => {
  const store = await openSealedStore(dir, systemRandom);
  for (const name of ['../x', 'a/b', '', 'A'])
    await expect(store.read(name)).rejects.toThrow(RangeError);
});
