import type { Clock } from '../../kernel/clock.ts';
import type { Env } from '../ports.ts';

/** What the stdio shim is given; built-in modules and the clock alone, so that it starts at once. */
export interface StdioPorts {
  readonly env: Env;
  readonly cwd: string;
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: { write(text: string): unknown };
  readonly clock: Clock;
  readonly interrupted: AbortSignal;
  dataDirectory(named: string | undefined): {
    readonly path: string;
    readonly identity: string;
    readonly runFile: string;
  };
}

/** Why the shim cannot work; shown to the person and, as a JSON-RPC error, to the client. Holds no secrets. */
export class ShimError extends Error {
  override readonly name = 'ShimError';
  readonly exit: number;
  constructor(message: string, exit: number) {
    super(message);
    this.exit = exit;
  }
}
