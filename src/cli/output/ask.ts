import { createInterface } from 'node:readline/promises';
import type { CliPorts } from '../ports.ts';

/** A question with a clear no as its default. False when nobody can answer. */
export async function askYes(
  ports: Pick<CliPorts, 'stdin' | 'stderr' | 'interrupted'>,
  question: string,
): Promise<boolean> {
  if (ports.stdin.isTTY !== true) return false;
  ports.stderr.write(`${question} [y/N] `);
  const lines = createInterface({ input: ports.stdin });
  try {
    const answer = await lines.question('', { signal: ports.interrupted });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    return false;
  } finally {
    lines.close();
  }
}
