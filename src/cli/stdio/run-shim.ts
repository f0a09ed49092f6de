import type { StdioPorts } from './ports.ts';

/** Placeholder until the next commit. */
export async function runShim(_argv: readonly string[], ports: StdioPorts): Promise<number> {
  ports.stderr.write('not built yet\n');
  return 1;
}
