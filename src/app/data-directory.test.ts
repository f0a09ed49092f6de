import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSeededRandom, systemRandom } from '../kernel/index.ts';
import {
  type DataDirectory,
  openAdminToken,
  openDataDirectory,
  openSealKeys,
} from './data-directory.ts';

let home: string;
let data: DataDirectory;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sallyport-data-'));
  data = await openDataDirectory(join(home, 'data'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(home, { recursive: true, force: true });
});

describe('the data directory', () => {
  it('is closed to other users, also when it was open before', async () => {
    await chmod(data.path, 0o755);
    await openDataDirectory(data.path);
    expect((await stat(data.path)).mode & 0o777).toBe(0o700);
  });

  it('of another user is refused', async () => {
    const { uid } = await stat(data.path);
    vi.spyOn(process, 'getuid').mockReturnValue(uid + 1);
    await expect(openDataDirectory(data.path)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

const seal = () => join(data.path, 'seal-keys.json');

describe.each([
  ['the admin token', () => data.adminTokenFile, () => openAdminToken(data, systemRandom)],
  ['the sealing keys', seal, () => openSealKeys(data, systemRandom)],
] as const)('%s', (_name, file, open) => {
  it('are made once, for nobody else to read', async () => {
    const first = await open();
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect(await open()).toEqual(first);
  });

  it('are the same for two starters at once', async () => {
    const [one, two] = await Promise.all([open(), open()]);
    expect(one).toEqual(two);
  });

  it.each(['', '[', 'sat_', '[]', '[{"id":"k1","secret":"QQ=="}]'])(
    'are not used when the file was cut off or damaged (%j)',
    async (text) => {
      await writeFile(file(), text, { mode: 0o600 });
      await expect(open()).rejects.toMatchObject({ code: 'IDENTITY_KEY_FILE' });
      expect(await readFile(file(), 'utf8')).toBe(text);
    },
  );

  it('are not used when others may read the file', async () => {
    await open();
    await chmod(file(), 0o644);
    await expect(open()).rejects.toMatchObject({ code: 'IDENTITY_KEY_FILE' });
  });

  it('are not read through a link that somebody planted', async () => {
    const target = join(home, 'planted');
    await writeFile(target, `sat_${'a'.repeat(43)}`, { mode: 0o600 });
    await symlink(target, file());
    await expect(open()).rejects.toMatchObject({ code: 'IDENTITY_KEY_FILE' });
  });
});

it('different randomness makes different secrets', async () => {
  const other = await openDataDirectory(join(home, 'other'));
  expect(await openAdminToken(data, createSeededRandom(1))).not.toBe(
    await openAdminToken(other, createSeededRandom(2)),
  );
});
