import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startServer } from '../start-server.ts';
import { requireTrust, TRUSTED_CONFIGS_FILE } from './trust-config.ts';

let home: string;
let dataDir: string;
let file: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sallyport-trust-'));
  dataDir = join(home, 'data');
  file = join(home, 'sallyport.yaml');
  await writeFile(file, 'gateway: { port: 0 }\nadmin: { port: 0 }\nlog: { level: error }\n');
  await mkdir(join(home, 'policies'));
});
afterEach(() => rm(home, { recursive: true, force: true }));
const untrusted = { code: 'CONFIG_UNTRUSTED' };
const never = async (): Promise<boolean> => {
  throw new Error('asked');
};

describe('a configuration of the current directory', () => {
  it('is refused when nobody can answer or the answer is no, and leaves nothing behind', async () => {
    await expect(requireTrust(file, dataDir, undefined)).rejects.toMatchObject(untrusted);
    await expect(requireTrust(file, dataDir, async () => false)).rejects.toMatchObject(untrusted);
    await expect(stat(dataDir)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is asked for once, by its real path, whatever it says later', async () => {
    const questions: string[] = [];
    await requireTrust(file, dataDir, async (question) => {
      questions.push(question);
      return true;
    });
    expect(questions).toEqual([expect.stringContaining('sallyport.yaml')]);
    await writeFile(file, 'log: { level: warn }\n');
    await requireTrust(file, dataDir, never);
    const store = join(dataDir, TRUSTED_CONFIGS_FILE);
    expect((await stat(store)).mode & 0o777).toBe(0o600);
    expect(await readFile(store, 'utf8')).not.toContain('level');
    await mkdir(join(home, 'other'));
    await writeFile(join(home, 'other', 'sallyport.yaml'), '');
    await expect(
      requireTrust(join(home, 'other', 'sallyport.yaml'), dataDir, undefined),
    ).rejects.toMatchObject(untrusted);
    await symlink(file, join(home, 'link.yaml'));
    await requireTrust(join(home, 'link.yaml'), dataDir, never);
  });

  it.each(['not json', '[]', '{"sha256:00": "/etc"}', '{"a": 1}'])(
    'is asked for again when the memory is damaged: %s',
    async (text) => {
      await mkdir(dataDir);
      await writeFile(join(dataDir, TRUSTED_CONFIGS_FILE), text);
      await expect(requireTrust(file, dataDir, undefined)).rejects.toMatchObject(untrusted);
    },
  );
});

describe('starting a gateway', () => {
  const start = (config: string | undefined, cwd: string) =>
    startServer({ dataDir, config, cwd, env: {}, version: '0' });

  it('refuses the file that merely lies there, and starts nothing', async () => {
    await expect(start(undefined, home)).rejects.toMatchObject(untrusted);
    await expect(stat(dataDir)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('takes the file that is named, and the one of the data directory', async () => {
    await (await start('./sallyport.yaml', home)).stop();
    await writeFile(join(dataDir, 'sallyport.yaml'), await readFile(file));
    await mkdir(join(dataDir, 'policies'));
    await (await start(undefined, dataDir)).stop();
  });
});
