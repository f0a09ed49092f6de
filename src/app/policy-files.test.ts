import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFakeClock } from '../kernel/index.ts';
import { createPolicyFiles } from './policy-files.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'policy-files-'));
  await mkdir(join(home, 'policies'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const files = () =>
  createPolicyFiles({
    path: () => join(home, 'policies'),
    backups: join(home, 'backups'),
    clock: createFakeClock(),
  });
const put = (name: string, text: string) => writeFile(join(home, 'policies', name), text);
const set = (entries: Record<string, string>, effects?: string) => ({
  files: Object.entries(entries).map(([name, text]) => ({ name, text, ids: [] })),
  effects,
});

test('replaces the whole set, keeps other files, and copies away what was there', async () => {
  await put('old.cedar', '// old');
  await put('both.cedar', '// before');
  await put('effects.yaml', 'fs: {}');
  await put('notes.policytest.yaml', 'kept');
  const { backup } = await files().install(
    set({ 'both.cedar': '// after', 'new.cedar': '// new' }),
  );
  expect((await readdir(join(home, 'policies'))).sort()).toEqual([
    'both.cedar',
    'new.cedar',
    'notes.policytest.yaml',
  ]);
  expect(await readFile(join(home, 'policies', 'both.cedar'), 'utf8')).toBe('// after');
  expect((await readdir(backup)).sort()).toEqual(['both.cedar', 'effects.yaml', 'old.cedar']);
});

test('finishes an installation that a crash interrupted, and never a stage without a manifest', async () => {
  await put('a.cedar', '// a1');
  await put('b.cedar', '// b1');
  const stage = join(home, 'policies', '.sallyport-install');
  await mkdir(stage);
  await writeFile(join(stage, 'a.cedar'), '// a2');
  expect((await files().read()).files.map(({ text }) => text)).toEqual(['// a1', '// b1']);
  await writeFile(
    join(stage, 'manifest.json'),
    JSON.stringify({ put: ['a.cedar'], remove: ['b.cedar'] }),
  );
  expect((await files().read()).files).toEqual([{ name: 'a.cedar', text: '// a2' }]);
  await put('b.cedar', '// back');
  expect((await files().read()).files).toHaveLength(2);
});

test('writes nothing outside of the directory and nothing that is no policy file', async () => {
  await put('a.cedar', '// a');
  for (const name of ['../x.cedar', '/etc/x.cedar', '.x.cedar', 'x.sh', 'a/b.cedar', 'x\0.cedar'])
    await expect(files().install(set({ [name]: '' }))).rejects.toMatchObject({
      code: 'POLICY_FILES_UNWRITABLE',
    });
  expect(await readdir(join(home, 'policies'))).toEqual(['a.cedar']);
});

test('a reader beside the writer sees one set or the other', async () => {
  await put('a.cedar', '// 0');
  await put('b.cedar', '// 0');
  const shared = files();
  const reads: string[] = [];
  const writer = (async () => {
    for (let i = 1; i <= 20; i++)
      await shared.install(set({ 'a.cedar': `// ${i}`, 'b.cedar': `// ${i}` }));
  })();
  for (let i = 0; i < 40; i++)
    reads.push((await shared.read()).files.map(({ text }) => text).join());
  await writer;
  for (const one of reads) expect(one).toMatch(/^\/\/ (\d+),\/\/ \1$/);
});
