import type { Clock } from '../../kernel/clock.ts';
import type { Env } from '../ports.ts';

/** What the stdio shim is given; built-in modules and the clock alone, so that it starts at once. */
export interface StdioPorts {
  readonly env: Env;
  readonly cwd: string;
  readonly home: string;
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: { write(text: string): unknown };
  readonly clock: Clock;
  readonly interrupted: AbortSignal;
}
