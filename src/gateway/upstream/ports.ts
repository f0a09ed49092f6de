import type { Clock, Random } from '../../kernel/index.ts';
import type { UpstreamCredentials } from './credentials.ts';
import type { UpstreamLimits } from './limits.ts';

/** The part of a pino logger that is used here. */
export interface UpstreamLogger {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

export type FaultKind =
  | 'malformed'
  | 'not_utf8'
  | 'too_large'
  | 'unknown_id'
  | 'unexpected_request'
  | 'unexpected_message'
  | 'flood'
  | 'bad_handshake'
  | 'crash';

/** What a server did wrong. `detail` is in our words and holds nothing the server sent. */
export interface UpstreamFault {
  readonly server: string;
  readonly kind: FaultKind;
  readonly detail: string;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A running child as the stdio channel needs it. */
export interface ChildHandle {
  readonly pid: number | undefined;
  /** False when the pipe is full; `unwritten` says how much waits. */
  write(text: string): boolean;
  unwritten(): number;
  endInput(): void;
  onOutput(listener: (chunk: Buffer) => void): void;
  onErrorOutput(listener: (chunk: Buffer) => void): void;
  /** Once, when the process has ended and its output is drained, or when it could not be started. */
  onExit(listener: (exit: ChildExit, startError: Error | undefined) => void): void;
  /** Signals the whole process group; never throws. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
}

export interface SpawnSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
}

export type SpawnPort = (spec: SpawnSpec) => ChildHandle;

/** What every part of the upstream side shares. */
export interface UpstreamDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: UpstreamLogger;
  readonly limits: UpstreamLimits;
  readonly spawn: SpawnPort;
  /** Environment children inherit from; only a short list of harmless names is taken from it. */
  readonly baseEnv: Readonly<Record<string, string | undefined>>;
  readonly onFault: (fault: UpstreamFault) => void;
  /** The gateway's tokens for servers that want some. */
  readonly credentials?: UpstreamCredentials;
}
