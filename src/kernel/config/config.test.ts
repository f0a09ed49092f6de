import fc from 'fast-check';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { isAppError } from '../errors/app-error.ts';
import {
  type ConfigInput,
  type ConfigProblem,
  composeConfig,
  defineSection,
  describeConfig,
  duration,
  loadConfig,
  parseDuration,
  parseSize,
  redactConfig,
  resolveSecret,
  secretRef,
  size,
} from './index.ts';

const gateway = defineSection('gateway', 'The data plane.', {
  port: z.number().int().min(0).max(65535).default(8443).describe('Port of the data plane.'),
  host: z.string().default('127.0.0.1').describe('Address to bind.'),
  callTimeout: duration({ min: '1s', max: '10m' }).prefault('30s').describe('Longest call.'),
  maxBody: size({ max: '64MiB' }).prefault('4MiB').describe('Largest message.'),
  mode: z.enum(['enforce', 'observe']).default('enforce').describe('What a deny does.'),
  origins: z.array(z.string()).default([]).describe('Allowed origins.'),
  limits: z
    .strictObject({ perAgent: z.number().int().default(10).describe('Calls in flight per agent.') })
    .prefault({}),
  servers: z
    .record(z.string(), z.strictObject({ url: z.string().describe('Where it is.') }))
    .default({}),
  upstream: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('http'), url: z.string() }),
      z.strictObject({ kind: z.literal('stdio'), command: z.string() }),
    ])
    .optional(),
});
const audit = defineSection('audit', 'The record.', {
  key: secretRef.optional().describe('Signing key.'),
});
const schema = composeConfig([gateway, audit]);

const load = (text: string, more: Partial<ConfigInput> = {}) =>
  loadConfig(schema, { text, file: 'sallyport.yaml', env: {}, ...more });
const failure = (text: string, more: Partial<ConfigInput> = {}) => {
  const result = load(text, more);
  if (result.ok) throw new Error('expected a refusal');
  return {
    message: result.error.message,
    problems: result.error.meta['problems'] as ConfigProblem[],
  };
};
const value = (text: string, more: Partial<ConfigInput> = {}) => {
  const result = load(text, more);
  if (!result.ok) throw result.error;
  return result.value;
};

describe('loading configuration', () => {
  test('gives defaults when the file is empty or a section is left blank', () => {
    for (const text of ['', '# nothing\n', 'gateway:\n', '{}']) {
      expect(value(text).gateway).toMatchObject({
        port: 8443,
        callTimeout: 30_000,
        maxBody: 4 * 1024 * 1024,
        limits: { perAgent: 10 },
      });
    }
    expectTypeOf(value('').gateway.callTimeout).toEqualTypeOf<number>();
    expectTypeOf(value('').gateway.mode).toEqualTypeOf<'enforce' | 'observe'>();
  });

  test('ranks overrides over the environment over the file over defaults', () => {
    const text = 'gateway: { port: 1, host: file, mode: observe }';
    const env = { SALLYPORT_GATEWAY_PORT: '2', SALLYPORT_GATEWAY_HOST: 'env' };
    expect(value(text, { env, overrides: { 'gateway.port': 3 } }).gateway).toMatchObject({
      port: 3,
      host: 'env',
      mode: 'observe',
    });
  });

  test('reads text, lists, nested keys and secret references from the environment', () => {
    const env = {
      SALLYPORT_GATEWAY_CALL_TIMEOUT: '5s',
      SALLYPORT_GATEWAY_ORIGINS: '[a, b]',
      SALLYPORT_GATEWAY_LIMITS_PER_AGENT: '4',
      SALLYPORT_AUDIT_KEY_FILE: '/run/key',
      SALLYPORT_GATEWAY_HOST: '10',
    };
    const config = value('audit: { key: { env: OTHER } }', { env });
    expect(config.gateway).toMatchObject({
      callTimeout: 5000,
      origins: ['a', 'b'],
      limits: { perAgent: 4 },
      host: '10',
    });
    expect(config.audit.key).toEqual({ file: '/run/key' });
  });

  test('names an unknown key with its position and the key that was meant', () => {
    const { message, problems } = failure(
      'gateway:\n  host: x\n  call_timeout: 3s\n  limits:\n    perAgnet: 3\nadit: {}\n',
    );
    expect(problems.map((p) => [p.path, p.position, p.message])).toEqual([
      ['gateway.limits.perAgnet', { line: 5, column: 5 }, 'unknown key; did you mean perAgent?'],
      ['gateway.call_timeout', { line: 3, column: 3 }, 'unknown key; did you mean callTimeout?'],
      ['adit', { line: 6, column: 1 }, 'unknown key; did you mean audit?'],
    ]);
    expect(message).toMatch(/^sallyport\.yaml:5:5: gateway\.limits\.perAgnet: unknown key/);
  });

  test('points at a wrong value in the file, the variable or the override it came from', () => {
    expect(failure('gateway:\n  port: high\n').problems).toMatchObject([
      { position: { line: 2, column: 9 }, message: 'expected number, received string' },
    ]);
    expect(failure('', { env: { SALLYPORT_GATEWAY_PORT: 'high' } }).problems).toMatchObject([
      { source: 'SALLYPORT_GATEWAY_PORT' },
    ]);
    expect(failure('', { overrides: { 'gateway.callTimeout': '1h' } }).problems).toMatchObject([
      { source: 'override gateway.callTimeout', message: 'must be at most 10m' },
    ]);
    expect(failure('gateway: { upstream: { kind: http } }').problems).toMatchObject([
      { path: 'gateway.upstream.url', message: 'is required' },
    ]);
  });

  test('refuses a variable with a typo, but leaves referenced and foreign variables alone', () => {
    expect(failure('', { env: { SALLYPORT_GATEWAY_PROT: '1' } }).problems[0]?.message).toBe(
      'unknown variable; did you mean SALLYPORT_GATEWAY_PORT?',
    );
    const env = { SALLYPORT_AUDIT_SIGNING: 's', SALLYPORT_TOKEN: 't', PATH: '/bin' };
    expect(value('audit: { key: { env: SALLYPORT_AUDIT_SIGNING } }', { env }).audit.key).toEqual({
      env: 'SALLYPORT_AUDIT_SIGNING',
    });
    expect(failure('', { overrides: { 'gateway.prot': 1 } }).problems[0]?.message).toBe(
      'unknown key; did you mean gateway.port?',
    );
  });

  test('does not repeat a secret written where a reference belongs', () => {
    for (const text of [
      'audit: { key: hunter2hunter2 }',
      'audit: { key: hunter2hunter2',
      'audit: { key: { file: 3, "hunter2": hunter2hunter2 } }',
    ]) {
      const result = load(text);
      if (result.ok) throw new Error('expected a refusal');
      expect(result.error.message + JSON.stringify(result.error.meta)).not.toContain(
        'hunter2hunter2',
      );
    }
    expect(failure('audit: { key: hunter2 }').problems[0]?.message).toBe(
      'secrets are given by reference: { file: path } or { env: NAME }',
    );
  });

  test('refuses oversize files, alias bombs, deep nesting, duplicate and odd keys, tags, several documents', () => {
    const bomb = `a: &a [1,2,3,4,5,6,7,8,9]\n${'bcdefgh'
      .split('')
      .map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefg'[i]}`).join(',')}]`)
      .join('\n')}`;
    const cases = [
      '#'.repeat(1024 * 1024 + 1),
      bomb,
      '['.repeat(100_000),
      `${'['.repeat(500)}${']'.repeat(500)}`,
      'gateway: {}\ngateway: {}',
      '? [a]\n: 1',
      '__proto__: { x: 1 }',
      'gateway: !!js/function 1',
      'a: 1\n---\nb: 2',
      '- 1',
      'x',
      'gateway: *nope',
      '<<: { port: 1 }',
    ];
    for (const text of cases) expect(load(text).ok, text.slice(0, 30)).toBe(false);
  });

  test('never throws, whatever the file and the environment hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (text, word) => {
        const result = load(text, {
          env: { SALLYPORT_GATEWAY_LIMITS_PER_AGENT: word, SALLYPORT_GATEWAY_ORIGINS: text },
        });
        if (!result.ok) expect(isAppError(result.error)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('freezes what it returns', () => {
    expect(Object.isFrozen(value('').gateway.limits)).toBe(true);
  });
});

describe('schema', () => {
  test('refuses a section whose inner object would drop unknown keys', () => {
    const lax = defineSection('lax', '', {
      inner: z.object({ a: z.number().default(1) }).prefault({}),
    });
    expect(() => composeConfig([lax])).toThrow('lax.inner must be a z.strictObject');
  });

  test('refuses two keys that one variable would set', () => {
    const twice = defineSection('twice', '', {
      aB: z.number().default(1),
      a: z.strictObject({ b: z.number().default(1) }).prefault({}),
    });
    expect(() => composeConfig([twice])).toThrow('SALLYPORT_TWICE_A_B');
  });

  test('gives a JSON Schema that forbids unknown keys and a reference with every key', () => {
    expect(schema.jsonSchema.properties?.['gateway']?.additionalProperties).toBe(false);
    const text = describeConfig(schema);
    expect(text).toContain(
      '| `gateway.callTimeout` | duration | `"30s"` | `SALLYPORT_GATEWAY_CALL_TIMEOUT` | Longest call. |',
    );
    expect(text).toContain(
      '| `audit.key` | secret reference: `{ file: path }` or `{ env: NAME }` | – |',
    );
    expect(text).toContain('| `gateway.mode` | `enforce`, `observe` | `"enforce"` |');
    expect(text).toContain('| `gateway.upstream.command` | string | required | – |');
    expect(text).toContain(
      '| `gateway.servers.<name>.url` | string | required | – | Where it is. |',
    );
    expect(text).toContain('| `gateway.limits.perAgent` | integer | `10` |');
  });
});

describe('units', () => {
  test('reads durations in ms and sizes in bytes, and nothing else', () => {
    expect(['250ms', '30s', '5m', '8h', '7d'].map(parseDuration)).toEqual([
      250, 30_000, 300_000, 28_800_000, 604_800_000,
    ]);
    expect(['1B', '64KiB', '10MiB', '2GiB'].map(parseSize)).toEqual([
      1, 65_536, 10_485_760, 2_147_483_648,
    ]);
    for (const text of [
      '',
      '5',
      's',
      '-1s',
      '1.5s',
      '1 s',
      '1S',
      '1h30m',
      '999999999999999d',
      '10MB',
    ]) {
      expect(parseDuration(text) ?? parseSize(text), text).toBeUndefined();
    }
  });
});

describe('secrets', () => {
  const sources = {
    env: { KEY: 'abc\n', EMPTY: '', NUL: 'a\0b' },
    readFile: async (path: string) => {
      if (path === 'bin') return Uint8Array.of(0xff);
      if (path === 'big') return 'x'.repeat(70_000);
      if (path === 'key') return 'from file\r\n';
      throw Object.assign(new Error('no such file, content hunter2'), { code: 'ENOENT' });
    },
  };

  test('come from the environment or a file without the final line end', async () => {
    expect(await resolveSecret({ env: 'KEY' }, sources)).toBe('abc');
    expect(await resolveSecret({ file: 'key' }, sources)).toBe('from file');
  });

  test('that are missing, empty, binary, oversize or with a NUL are refused by name', async () => {
    for (const ref of [
      { env: 'NONE' },
      { env: 'EMPTY' },
      { env: 'NUL' },
      { env: 'toString' },
      { file: 'bin' },
      { file: 'big' },
      { file: 'gone' },
    ]) {
      const error = await resolveSecret(ref, sources).catch((e: unknown) => e);
      expect(isAppError(error) && error.code, JSON.stringify(ref)).toBe('CONFIG_SECRET_UNRESOLVED');
      expect(String(error)).not.toContain('hunter2');
    }
  });

  test('are not shown when the configuration is printed', () => {
    expect(
      redactConfig({
        a: { apiKey: 'x', key: { env: 'K' } },
        url: 'postgres://u:pw@db/x?token=t',
        ok: 'http://h/',
      }),
    ).toEqual({
      a: { apiKey: '[redacted]', key: { env: 'K' } },
      url: 'postgres://u:redacted@db/x?token=redacted',
      ok: 'http://h/',
    });
  });
});
