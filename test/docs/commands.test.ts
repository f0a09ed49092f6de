import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NODE, type Program, startProgram } from '../fixtures/start-program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const BIN = join(root, 'bin', 'sallyport.mjs');

/** These two are what `.ci/run` itself runs, from a clean checkout. */
const RUN_BY_CI = new Set(['npm ci && npm start', 'npm test']);
const PREFIXES = ['npm run -s sallyport -- ', 'sallyport '];

/** The lines of every `sh` block of a page. */
function commandsOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap((block) =>
    (block[1] ?? '').split('\n').filter((line) => line !== '' && !line.startsWith('#')),
  );
}

const pages = ['README.md', 'docs/guides/connect.md'];
const commands = pages.flatMap((page) =>
  commandsOf(page).map((command) => [page, command] as const),
);

describe('the commands of README and guides', () => {
  const home = mkdtempSync(join(tmpdir(), 'sallyport-docs-'));
  const env = {
    ...process.env,
    HOME: home,
    XDG_DATA_HOME: join(home, 'data'),
    XDG_CONFIG_HOME: join(home, 'config'),
  };
  let gateway: Program<{ mcpUrl: string }> | undefined;

  beforeAll(async () => {
    gateway = await startProgram(NODE, [BIN, 'up', '--json', '--port', '0', '--admin-port', '0'], {
      cwd: home,
      env,
      timeoutMs: 60_000,
    });
  }, 90_000);

  afterAll(async () => {
    await gateway?.close();
    rmSync(home, { recursive: true, force: true });
  });

  it('are there', () => {
    expect(commands.length).toBeGreaterThan(8);
  });

  it.each(commands)('%s: %s', { timeout: 120_000 }, (_page, command) => {
    if (RUN_BY_CI.has(command)) {
      const ci = readFileSync(join(root, '.ci/run'), 'utf8');
      for (const part of command.split(' && ')) expect(ci).toContain(part);
      return;
    }
    const prefix = PREFIXES.find((start) => command.startsWith(start));
    expect(prefix, 'a command this test knows how to run').toBeDefined();
    const args = command.slice(prefix?.length ?? 0).split(' ');
    const ran = spawnSync(NODE, [BIN, ...args], {
      cwd: args.includes('policies') ? root : home,
      env,
      encoding: 'utf8',
      timeout: 100_000,
      input: '',
    });
    // 1 is doctor's word for a finding on this machine; everything else has to succeed.
    const fine = args[0] === 'doctor' ? [0, 1] : [0];
    expect(fine, `${ran.stdout}\n${ran.stderr}`).toContain(ran.status);
  });
});
