import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { parse } from 'yaml';
import { NODE } from '../fixtures/start-program.ts';
import type { Revision } from './small-client.ts';

/** One scenario of one run. `words` is what the suite said about a failure. */
export interface Outcome {
  ok: boolean;
  checksPassed: number;
  checksFailed: number;
  words: string;
}
export type Outcomes = Map<string, Outcome>;

const manifest = createRequire(import.meta.url).resolve(
  '@modelcontextprotocol/conformance/package.json',
);
const ROOT = dirname(manifest);
const SUITE = join(ROOT, 'dist', 'index.js');

export interface Requirements {
  server: string[];
  client: string[];
  /** Run and shown, never counted; of either side. */
  not_scored: { scenario: string; leg: string }[];
}

/** The frozen lists of what a revision requires, as the suite's package ships them. */
export async function requirementsOf(revision: Revision): Promise<Requirements> {
  const text = await readFile(join(ROOT, 'requirements', `${revision}.yaml`), 'utf8');
  return parse(text) as Requirements;
}

export async function suiteVersion(): Promise<string> {
  return (JSON.parse(await readFile(manifest, 'utf8')) as { version: string }).version;
}

function run(args: string[], limitMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(NODE, [SUITE, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.stderr.on('data', (part: Buffer) => parts.push(part));
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
    child.once('error', reject);
    child.once('close', () => {
      clearTimeout(timer);
      resolve(stripVTControlCharacters(Buffer.concat(parts).toString('utf8')));
    });
  });
}

/** Runs all server scenarios of a revision, the scored and the others, against a URL. */
export async function runServerSuite(url: string, revision: Revision): Promise<Outcomes> {
  const output = await run(['server', '--url', url, '--requirements', revision], 300_000);
  const outcomes: Outcomes = new Map();
  for (const line of output.split('\n')) {
    const [, mark, name, passed, failed] =
      /^([✓✗]) (\S+): (\d+) passed, (\d+) failed/.exec(line) ?? [];
    if (name === undefined) continue;
    const ok = mark === '✓';
    outcomes.set(name, {
      ok,
      checksPassed: Number(passed),
      checksFailed: Number(failed),
      words: ok ? '' : failuresOf(output, name),
    });
  }
  if (outcomes.size === 0)
    throw new Error(`the suite printed no results:\n${output.slice(-2_000)}`);
  return outcomes;
}

/** The failed checks of one scenario out of the report of the whole run. */
function failuresOf(output: string, name: string): string {
  const start = output.indexOf(`=== Running scenario: ${name} ===`);
  if (start < 0) return '';
  const next = output.indexOf('=== Running scenario:', start + 1);
  const own = output.slice(start, next < 0 ? output.indexOf('=== SUMMARY', start) : next);
  return own
    .replaceAll(/^Running client scenario.*$/gm, '')
    .trim()
    .slice(-1_500);
}

/** Runs one client scenario with a command that gets the URL of the suite's server as its last argument. */
export async function runClientScenario(
  name: string,
  revision: Revision,
  command: string,
): Promise<Outcome> {
  const output = await run(
    [
      'client',
      '--command',
      command,
      '--scenario',
      name,
      '--spec-version',
      revision,
      '--timeout',
      '60000',
      // Extensions are on no revision's list; what is asked for here is meant.
      '--force',
    ],
    90_000,
  );
  const [, passed, total, failed] = /Passed: (\d+)\/(\d+), (\d+) failed/.exec(output) ?? [];
  const ok = /OVERALL: PASSED/.test(output) && Number(total) > 0;
  return {
    ok,
    checksPassed: Number(passed ?? 0),
    checksFailed: Number(failed ?? 1),
    words: ok ? '' : output.slice(-2_500),
  };
}
