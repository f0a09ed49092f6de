// `npm test`: everything, in order of cost. Each part prints its own result; the first failure is the exit code,
// but every part runs, so that one run shows all that is broken.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const long = process.argv.includes('--long');
const env = { ...process.env, ...(long ? { SALLYPORT_FUZZ: '200000', SALLYPORT_LONG: '1' } : {}) };
const parts = [
  ['types', 'tsc', ['--noEmit']],
  ['lint', 'biome', ['check', '.']],
  ['unit, property, contract, in-process and end-to-end tests', 'vitest', ['run']],
  ['MCP conformance through the gateway', process.execPath, ['test/conformance/run.ts']],
];
const failed = [];
for (const [name, command, args] of parts) {
  process.stdout.write(`\n== ${name}\n`);
  const started = performance.now();
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env, shell: false });
  process.stdout.write(`-- ${name}: ${status === 0 ? 'ok' : 'FAILED'} in ${Math.round((performance.now() - started) / 1000)} s\n`);
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  process.stderr.write(`\nfailed: ${failed.join('; ')}\n`);
  process.exit(1);
}
process.stdout.write('\nall parts passed\n');
