import picocolors from 'picocolors';
import type { CliPorts } from '../ports.ts';
import { formatTable } from './table.ts';

export interface OutputOptions {
  readonly json?: boolean | undefined;
  readonly jsonl?: boolean | undefined;
  readonly color?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

/** Results to stdout, talk to stderr; tables and colours for people, JSON for scripts. */
export interface Terminal {
  /** True when the answer is for a program. */
  readonly machine: boolean;
  readonly interactive: boolean;
  readonly color: ReturnType<typeof picocolors.createColors>;
  /** A line of the result. */
  line(text?: string): void;
  /** The result as a JSON document on one line. */
  json(value: unknown): void;
  table(head: readonly string[], rows: readonly (readonly string[])[]): void;
  /** Something to know that is not the result. Silent with --quiet. */
  note(text: string): void;
}

type Streams = Pick<CliPorts, 'stdout' | 'stderr' | 'stdin' | 'env'>;

/** NO_COLOR and FORCE_COLOR as everybody reads them; --no-color wins. */
function hasColor(options: OutputOptions, { env, stdout }: Streams): boolean {
  if (options.color === false || (env['NO_COLOR'] ?? '') !== '') return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return stdout.isTTY === true && env['TERM'] !== 'dumb';
}

export function createTerminal(options: OutputOptions, streams: Streams): Terminal {
  const { stdout, stderr, stdin, env } = streams;
  const color = picocolors.createColors(hasColor(options, streams));
  return {
    machine: options.json === true || options.jsonl === true,
    interactive: stdin.isTTY === true && stdout.isTTY === true && (env['CI'] ?? '') === '',
    color,
    line: (text = '') => void stdout.write(`${text}\n`),
    json: (value) => void stdout.write(`${JSON.stringify(value)}\n`),
    table(head, rows) {
      const lines = formatTable(head, rows, stdout.isTTY === true ? stdout.columns : undefined);
      lines.forEach((line, index) => {
        stdout.write(`${index === 0 ? color.bold(line) : line}\n`);
      });
    },
    note(text) {
      if (options.quiet !== true) stderr.write(`${text}\n`);
    },
  };
}
