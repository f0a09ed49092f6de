import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { NODE } from '../fixtures/start-program.ts';

export const BIN = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));

export interface CliRun {
  code: number | null;
  stdout: string;
  stderr: string;
  /** The JSON document on stdout. */
  json: Record<string, unknown>;
}

export interface CliPlace {
  cwd: string;
  env?: Record<string, string>;
  input?: string;
}

/** Runs the real command to its end. */
export function runCli(args: readonly string[], { cwd, env, input }: CliPlace): Promise<CliRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(NODE, [BIN, ...args], {
      cwd,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({
        code,
        stdout,
        stderr,
        get json() {
          return JSON.parse(stdout) as Record<string, unknown>;
        },
      });
    });
  });
}
