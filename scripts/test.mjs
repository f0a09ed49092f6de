// `npm test`: everything, in order of cost. Every part runs, so that one run shows all that is broken; the last line
// counts the tests of all parts.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const long = process.argv.includes('--long');
const env = { ...process.env, ...(long ? { SALLYPORT_FUZZ: '200000', SALLYPORT_LONG: '1' } : {}) };
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-results-'));
const results = join(scratch, 'vitest.json');
const vitest = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${results}`];

const parts = [
  ['types', 'tsc', ['--noEmit']],
  ['lint', 'biome', ['check', '.']],
  ['unit, property, contract, integration and end-to-end tests', 'vitest', vitest],
  ['MCP conformance through the gateway', process.execPath, ['test/conformance/run.ts']],
];

/** Runs one part with its output passed on; gives the exit code and the last `N passed, …` line it printed. */
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
    let rest = '';
    let counts;
    child.stdout.on('data', (chunk) => {
      process.stdout.write(chunk);
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const match = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(line);
        if (match) counts = match.slice(1).map((count) => Number(count ?? 0));
      }
    });
    child.on('error', () => resolve({ code: 1, counts }));
    child.on('close', (code) => resolve({ code: code ?? 1, counts }));
  });
}

const total = [0, 0, 0];
const failed = [];
for (const [name, command, args] of parts) {
  process.stdout.write(`\n== ${name}\n`);
  const started = performance.now();
  const { code, counts } = await run(command, args);
  counts?.forEach((count, at) => {
    total[at] += count;
  });
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stdout.write(`-- ${name}: ${code === 0 ? 'ok' : 'FAILED'} in ${seconds} s\n`);
  if (code !== 0) failed.push(name);
}
try {
  const summary = JSON.parse(readFileSync(results, 'utf8'));
  total[0] += summary.numPassedTests;
  total[1] += summary.numFailedTests;
  total[2] += summary.numPendingTests + summary.numTodoTests;
} catch {
  failed.push('the results of the tests can not be read');
}
rmSync(scratch, { recursive: true, force: true });
if (failed.length > 0) process.stderr.write(`\nfailed: ${failed.join('; ')}\n`);
process.stdout.write(`\n${total[0]} passed, ${total[1]} failed, ${total[2]} skipped\n`);
process.exitCode = failed.length > 0 ? 1 : 0;
