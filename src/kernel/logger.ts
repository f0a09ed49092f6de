import { type Logger as Pino, pino } from 'pino';
import { redactForLog, redactText } from './redact.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A message for people, before it the facts for machines: `log.warn({ server, ms }, 'slow server')`. */
export interface LogMethod {
  (message: string): void;
  (facts: Readonly<Record<string, unknown>>, message: string): void;
}

export interface Logger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  readonly fatal: LogMethod;
  /** A logger that adds `bindings` to each line. */
  child(bindings: Readonly<Record<string, unknown>>): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Where lines go, one JSON object and a newline each; standard error when absent. */
  readonly stream?: { write(line: string): unknown };
}

/**
 * JSON lines with `level` as a word, `time` in ms since the epoch, `msg` and the facts.
 *
 * Secrets: values under names like authorization, token, secret, password, cookie, key are replaced
 * at any depth, in bindings too; bearer credentials and JWTs are replaced inside texts. Standard
 * output is never written: a stdio MCP server speaks its protocol there.
 */
export function createLogger(options: LoggerOptions): Logger {
  const stream = options.stream ?? pino.destination({ fd: 2, sync: true });
  const root = pino(
    {
      level: options.level,
      base: null,
      serializers: {},
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: redactText },
    },
    { write: (line: string) => void stream.write(line) },
  );
  return wrap(root);
}

/** Says nothing; for tests and optional dependencies. */
export function createNullLogger(): Logger {
  const silent: LogMethod = () => {};
  const logger: Logger = {
    debug: silent,
    info: silent,
    warn: silent,
    error: silent,
    fatal: silent,
    child: () => logger,
  };
  return logger;
}

function wrap(target: Pino): Logger {
  const method =
    (level: Exclude<LogLevel, 'silent'>): LogMethod =>
    (first: string | Readonly<Record<string, unknown>>, message?: string) => {
      if (!target.isLevelEnabled(level)) return;
      // The text goes in as a format argument, so `%s` in a hostile message stays literal.
      if (typeof first === 'string') target[level]({}, '%s', first);
      else target[level](redactForLog(first) as object, '%s', message ?? '');
    };
  return {
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    fatal: method('fatal'),
    child: (bindings) => wrap(target.child(redactForLog(bindings) as Record<string, unknown>)),
  };
}
