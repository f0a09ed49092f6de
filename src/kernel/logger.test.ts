import { describe, expect, test } from 'vitest';
import { AppError } from './errors/app-error.ts';
import { createLogger, createNullLogger } from './logger.ts';
import { isSecretName, REDACTED } from './redact.ts';

const capture = (level: 'debug' | 'info' = 'info') => {
  const lines: string[] = [];
  const log = createLogger({ level, stream: { write: (line) => lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
};

describe('logger', () => {
  test('writes one JSON object per line with a level word', () => {
    const { log, lines, last } = capture();
    log.info({ server: 'files', ms: 3 }, 'connected');
    expect(lines).toHaveLength(1);
    expect(last()).toMatchObject({ level: 'info', server: 'files', ms: 3, msg: 'connected' });
  });

  test('leaves out lines below its level', () => {
    const { log, lines } = capture('info');
    log.debug('no');
    expect(lines).toHaveLength(0);
  });

  test('replaces secrets at any depth, in bindings and in texts', () => {
    const { log, lines } = capture();
    const secret = 's3cr3t-value-0123456789';
    const child = log.child({ apiKey: secret, area: 'gateway' });
    child.warn(
      {
        headers: { Authorization: secret, 'set-cookie': [secret] },
        a: { b: { c: { refresh_token: secret } } },
      },
      'odd',
    );
    child.error({ error: new Error(`sent Bearer ${secret}`) }, `with Bearer ${secret}`);
    child.info(`jwt eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.${secret}`);
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(line).not.toContain(secret);
      expect(line).toContain(REDACTED);
      expect(line).toContain('gateway');
    }
  });

  test('shows the public parts of an error and its cause', () => {
    const { log, last } = capture();
    log.error(
      { error: new AppError('INTERNAL', { cause: new Error('disk'), meta: { area: 'audit' } }) },
      'fault',
    );
    expect(last()['error']).toMatchObject({
      code: 'INTERNAL',
      meta: { area: 'audit' },
      cause: { message: 'disk' },
    });
  });

  test('survives cycles, throwing getters and format characters', () => {
    const { log, last } = capture();
    const cycle: Record<string, unknown> = { n: 10n };
    cycle['self'] = cycle;
    log.info(
      {
        cycle,
        bad: {
          get boom(): never {
            throw new Error('x');
          },
        },
      },
      '%s %d %o',
    );
    expect(last()['msg']).toBe('%s %d %o');
    expect(last()['bad']).toBe('[unreadable]');
  });

  test('knows secret names in every spelling and leaves identifiers alone', () => {
    for (const name of [
      'authorization',
      'Proxy-Authorization',
      'access_token',
      'clientSecret',
      'PASSWORD',
      'x-api-key',
      'privateKey',
      'apikey',
    ])
      expect(isSecretName(name), name).toBe(true);
    for (const name of ['keyId', 'tokenCount', 'server', 'monkey', 'author', 'hotkeyed'])
      expect(isSecretName(name), name).toBe(false);
  });

  test('the null logger accepts everything and says nothing', () => {
    const log = createNullLogger();
    expect(log.child({ a: 1 })).toBe(log);
    expect(log.info({ a: 1 }, 'x')).toBeUndefined();
  });
});
