import type { ServerConfig } from '../model.ts';
import { childEnvironment } from './child-environment.ts';
import type { DuplexChannel } from './duplex-channel.ts';
import { createLineFramer } from './line-framer.ts';
import type { ChildExit, UpstreamDeps } from './ports.ts';
import { createStderrTail } from './stderr-tail.ts';

export type StdioConfig = Extract<ServerConfig, { transport: 'stdio' }>;

export interface StdioChannel extends DuplexChannel {
  /** The last lines of stderr, for status. */
  stderr(): readonly string[];
}

/**
 * A child process behind the MCP stdio transport: one JSON message per line. Ends by end of stdin, then SIGTERM, then
 * SIGKILL to the process group, `killGraceMs` apart.
 */
export function createStdioChannel(
  server: string,
  config: StdioConfig,
  deps: UpstreamDeps,
): StdioChannel {
  const { clock, limits, logger } = deps;
  const tail = createStderrTail(server, clock, logger);
  const child = deps.spawn({
    command: config.command,
    args: config.args,
    env: childEnvironment(deps.baseEnv, config.env),
    cwd: config.cwd,
  });
  child.onErrorOutput((chunk) => tail.push(chunk));
  let closing = false;
  let ended = false;
  const done = Promise.withResolvers<void>();

  const close = (): void => {
    if (closing || ended) return;
    closing = true;
    child.endInput();
    clock.setTimeout(() => {
      if (ended) return;
      child.signal('SIGTERM');
      clock.setTimeout(() => {
        if (!ended) child.signal('SIGKILL');
      }, limits.killGraceMs);
    }, limits.killGraceMs / 4);
  };

  return {
    open(handler) {
      const framer = createLineFramer(limits.maxMessageBytes, handler);
      child.onOutput((chunk) => framer.push(chunk));
      child.onExit((exit, startError) => {
        ended = true;
        done.resolve();
        handler.onEnd({ problem: describeEnd(exit, startError), unexpected: !closing });
      });
    },
    send(text) {
      if (!closing && !ended) child.write(`${onOneLine(text)}\n`);
    },
    saturated: () => child.unwritten() > limits.maxUnwrittenBytes,
    close,
    closed: () => done.promise,
    stderr: () => tail.lines(),
  };
}

/**
 * Makes a message one line for every reader. JSON may hold line feeds between its tokens, and what a caller sent is
 * spliced as it came: left alone, `[\n{"method":"tools/call"...}\n]` would reach the server as a call that nobody decided.
 * Outside strings a line end is as good as a blank; U+0085, U+2028 and U+2029 occur inside strings only and are escaped.
 */
export function onOneLine(message: string): string {
  if (!/[\r\n\u0085\u2028\u2029]/.test(message)) return message;
  return message
    .replace(/[\r\n]/g, ' ')
    .replace(
      /[\u0085\u2028\u2029]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
}

function describeEnd(exit: ChildExit, startError: Error | undefined): string {
  if (startError !== undefined) {
    const code = (startError as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return 'the command was not found';
    return `the command could not be started (${code ?? startError.name})`;
  }
  if (exit.signal !== null) return `the process was ended by ${exit.signal}`;
  return `the process ended with exit code ${exit.code ?? 'unknown'}`;
}
