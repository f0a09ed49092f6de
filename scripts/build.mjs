// Compiles src/ to dist/ with tsc alone: one file in, one file out, stack traces that can be read.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, globSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(join(root, 'dist'), { recursive: true, force: true });
const tsc = spawnSync('tsc', ['-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
  shell: false,
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);
// Data that code reads at run time lies beside it.
for (const file of globSync('src/**/*.{sql,yaml,json,html,css}', { cwd: root })) {
  if (file.includes('/fixtures/')) continue;
  const target = join(root, 'dist', relative('src', file));
  if (!existsSync(dirname(target))) continue;
  cpSync(join(root, file), target);
}
