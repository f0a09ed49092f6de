import type { Clock } from '../../kernel/index.ts';
import type { UpstreamLogger } from './ports.ts';

const KEPT_LINES = 20;
const MAX_LINE = 500;
const LOGGED_PER_MINUTE = 60;

export interface StderrTail {
  push(chunk: Buffer): void;
  /** The last lines, oldest first, control characters removed. */
  lines(): readonly string[];
}

/**
 * Takes a server's stderr: keeps the last 20 lines (500 characters each) and logs at most 60 a minute, so a chatty or
 * hostile server fills neither memory nor disk. Lines are logged at debug: they may hold what callers sent.
 */
export function createStderrTail(server: string, clock: Clock, logger: UpstreamLogger): StderrTail {
  const kept: string[] = [];
  let rest = '';
  let windowStart = clock.monotonic();
  let logged = 0;
  let skipped = 0;

  const take = (line: string): void => {
    // Terminal escapes of a server stay out of our log.
    const clean = line
      .slice(0, MAX_LINE)
      .replace(/\p{Cc}/gu, ' ')
      .trimEnd();
    if (clean === '') return;
    kept.push(clean);
    if (kept.length > KEPT_LINES) kept.shift();
    const now = clock.monotonic();
    if (now - windowStart >= 60_000) {
      if (skipped > 0) logger.debug({ server, skipped }, 'lines of server stderr were not logged');
      windowStart = now;
      logged = 0;
      skipped = 0;
    }
    if (logged >= LOGGED_PER_MINUTE) {
      skipped++;
      return;
    }
    logged++;
    logger.debug({ server, line: clean }, 'server stderr');
  };

  return {
    push(chunk) {
      // Only the start of a line is kept, so a long one costs no memory.
      const pieces = chunk.toString('utf8').split('\n');
      const last = pieces.pop() ?? '';
      for (const piece of pieces) {
        take(rest + piece.slice(0, MAX_LINE));
        rest = '';
      }
      if (rest.length < MAX_LINE) rest += last.slice(0, MAX_LINE - rest.length);
    },
    lines: () => (rest.trim() === '' ? [...kept] : [...kept, rest]),
  };
}
