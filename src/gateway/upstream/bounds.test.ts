import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeClock, createSeededRandom } from '../../kernel/index.ts';
import type { RawJson } from '../model.ts';
import { backOffMs } from './back-off.ts';
import { childEnvironment } from './child-environment.ts';
import { Deadline } from './deadline.ts';
import { createFailureBook } from './failure-book.ts';
import { createFaultMeter } from './fault-meter.ts';
import { LEGACY_CLIENT, SILENT, stdio } from './fixtures/rig.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import {
  salvageId,
  subscriptionOf,
  swapProgressToken,
  withoutSubscription,
} from './message-edits.ts';
import { poolKey } from './pool-key.ts';
import { createStderrTail } from './stderr-tail.ts';

describe('a deadline', () => {
  const start = (idle: number, cap: number) => {
    const clock = createFakeClock();
    const expired: number[] = [];
    return { clock, expired, deadline: new Deadline(clock, idle, cap, (ms) => expired.push(ms)) };
  };

  it('expires after silence, and every sign of life starts the silence again', () => {
    const { clock, expired, deadline } = start(100, 10_000);
    for (let i = 0; i < 5; i++) {
      clock.advance(90);
      deadline.touch();
    }
    clock.advance(99);
    expect(expired).toEqual([]);
    clock.advance(1);
    expect(expired).toEqual([100]);
    expect(clock.pending()).toBe(0);
  });

  it('has a cap that no sign of life moves', () => {
    const { clock, expired, deadline } = start(100, 250);
    for (let i = 0; i < 10; i++) {
      clock.advance(50);
      deadline.touch();
    }
    expect(expired).toEqual([250]);
  });

  it('does not count silence while it is held, but the cap', () => {
    const { clock, expired, deadline } = start(100, 2000);
    deadline.hold();
    clock.advance(900);
    expect(expired).toEqual([]);
    deadline.release();
    clock.advance(99);
    expect(expired).toEqual([]);
    clock.advance(1);
    expect(expired).toEqual([100]);
    const capped = start(100, 250);
    capped.deadline.hold();
    capped.clock.advance(250);
    expect(capped.expired).toEqual([250]);
  });

  it('leaves no timer when cancelled', () => {
    const { clock, deadline } = start(100, 1000);
    deadline.cancel();
    expect(clock.pending()).toBe(0);
  });
});

describe('the fault meter', () => {
  const make = () => {
    const clock = createFakeClock();
    const faults: unknown[] = [];
    const meter = createFaultMeter({
      server: 's',
      clock,
      onFault: (fault) => faults.push(fault),
      maxFaultsPerMinute: 20,
      notificationBurst: 5,
      notificationsPerSecond: 10,
    });
    return { clock, faults, meter };
  };

  it('reports ten of a kind a minute and says when it was too much', () => {
    const { clock, faults, meter } = make();
    const verdicts = Array.from({ length: 25 }, () => meter.report('malformed', 'x'));
    expect(faults).toHaveLength(10);
    expect(verdicts.indexOf(true)).toBe(20);
    clock.advance(60_000);
    expect(meter.report('malformed', 'x')).toBe(false);
    expect(faults).toHaveLength(11);
  });

  it('lets a burst and then a rate of notifications pass', () => {
    const { clock, meter } = make();
    const admitted = (count: number) =>
      Array.from({ length: count }, () => meter.admitNotification()).filter(Boolean).length;
    expect(admitted(10)).toBe(5);
    clock.advance(300);
    expect(admitted(10)).toBe(3);
    clock.advance(60_000);
    expect(admitted(10)).toBe(5);
  });
});

describe('back-off', () => {
  it('doubles up to its limit and is spread over the upper half', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer(), (failures, seed) => {
        const full = Math.min(30_000, 250 * 2 ** Math.min(failures - 1, 20));
        const ms = backOffMs(failures, 250, 30_000, createSeededRandom(seed));
        expect(ms).toBeGreaterThanOrEqual(Math.floor(full / 2));
        expect(ms).toBeLessThanOrEqual(full);
      }),
    );
  });

  it('grows with failures in a row and starts afresh after a healthy life', () => {
    const clock = createFakeClock();
    const book = createFailureBook(clock, createSeededRandom(), DEFAULT_LIMITS);
    for (let i = 0; i < 6; i++) book.failed('k', 0);
    expect(book.waitMs('k')).toBeGreaterThan(3_000);
    expect(book.waitMs('other')).toBe(0);
    book.failed('k', DEFAULT_LIMITS.healthyMs);
    expect(book.waitMs('k')).toBeLessThanOrEqual(DEFAULT_LIMITS.backoffBaseMs);
    clock.advance(1_000);
    expect(book.waiting()).toBe(false);
  });
});

describe('the environment of a child', () => {
  it('holds the harmless names and what the configuration sets, nothing else', () => {
    const base = {
      PATH: '/bin',
      HOME: '/h',
      LC_CTYPE: 'C',
      AWS_SECRET_ACCESS_KEY: 's',
      NODE_OPTIONS: '-r x',
      LD_PRELOAD: 'x',
      TZ: undefined,
    };
    expect(childEnvironment(base, { API_KEY: 'own', PATH: '/own' })).toEqual({
      PATH: '/own',
      HOME: '/h',
      LC_CTYPE: 'C',
      API_KEY: 'own',
    });
  });
});

describe('the stderr tail', () => {
  it('keeps the last lines, short and without control characters', () => {
    const tail = createStderrTail('s', createFakeClock(), SILENT);
    for (let i = 0; i < 100; i++) tail.push(Buffer.from(`line ${i}\n`));
    tail.push(Buffer.from(`\u001b[31m${'x'.repeat(100_000)}`));
    tail.push(Buffer.from(`${'x'.repeat(100_000)}\nlast`));
    const lines = tail.lines();
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toBe('last');
    expect(lines.at(-2)!.length).toBeLessThanOrEqual(500);
    expect(lines.at(-2)).not.toContain('\u001b');
  });

  it('logs a bounded number of lines a minute', () => {
    let logged = 0;
    const tail = createStderrTail('s', createFakeClock(), {
      ...SILENT,
      debug: () => void logged++,
    });
    for (let i = 0; i < 1000; i++) tail.push(Buffer.from('noise\n'));
    expect(logged).toBe(60);
  });
});

describe('edits of messages', () => {
  it('swap the progress token and nothing else', () => {
    const params = '{ "name":"x", "_meta":{"a":1.0,"progressToken":"t" } }' as RawJson;
    const swapped = swapProgressToken(params, '7' as RawJson);
    expect(swapped).toEqual({
      params: '{ "name":"x", "_meta":{"a":1.0,"progressToken":7 } }',
      token: '"t"',
    });
    expect(swapProgressToken('{"x":1}' as RawJson, '7' as RawJson)).toEqual({
      params: '{"x":1}',
      token: undefined,
    });
    expect(swapProgressToken(undefined, '7' as RawJson)).toEqual({
      params: undefined,
      token: undefined,
    });
  });

  it('take the subscription id off, and an empty _meta with it', () => {
    const key = 'io.modelcontextprotocol/subscriptionId';
    const stamped = `{"uri":"a","_meta":{"${key}":5}}` as RawJson;
    expect(subscriptionOf(stamped)).toBe('5');
    expect(withoutSubscription(stamped)).toBe('{"uri":"a"}');
    expect(withoutSubscription(`{"_meta":{"k":1,"${key}":5}}` as RawJson)).toBe(
      '{"_meta":{"k":1}}',
    );
    expect(withoutSubscription('{"uri":"a"}' as RawJson)).toBe('{"uri":"a"}');
  });

  it('find an id at either end of what can’t be read', () => {
    expect(salvageId('{"jsonrpc":"2.0","id":12,"result":{')).toBe('12');
    expect(salvageId(`{"result":"${'x'.repeat(5000)}","id" : 7}`)).toBe('7');
    expect(salvageId('{"id":"12"}')).toBeUndefined();
    expect(salvageId('noise')).toBeUndefined();
  });
});

describe('the pool key', () => {
  const config = stdio([]);
  const httpConfig = {
    ...config,
    transport: 'http',
    url: 'http://x',
    headers: {},
    allowPrivate: false,
  } as const;
  const key = (agentId: string, user: string | undefined, sessionId?: string, digest = 'd') => ({
    server: 's',
    agentId,
    user,
    sessionId,
    client: { ...LEGACY_CLIENT, capabilitiesDigest: digest },
  });

  it('never is the same for two principals, whatever their names', () => {
    const name = fc.oneof(
      fc.constantFrom('', '-', '1:', ':', 'a', '1:a', 'a-', '2:a1'),
      fc.string(),
    );
    const user = fc.option(name, { nil: undefined });
    fc.assert(
      fc.property(
        name,
        user,
        name,
        user,
        fc.constantFrom('legacy', 'modern'),
        (a, u, b, v, era) => {
          fc.pre(a !== b || u !== v);
          expect(poolKey(config, era as 'legacy', key(a, u))).not.toBe(
            poolKey(config, era as 'legacy', key(b, v)),
          );
        },
      ),
    );
  });

  it('tells legacy HTTP sessions and capabilities apart, and modern ones not', () => {
    const legacy = (...args: Parameters<typeof key>) => poolKey(httpConfig, 'legacy', key(...args));
    expect(legacy('a', 'u', 's1')).not.toBe(legacy('a', 'u', 's2'));
    expect(legacy('a', 'u', 's1', 'x')).not.toBe(legacy('a', 'u', 's1', 'y'));
    expect(poolKey(config, 'legacy', key('a', 'u', 's1'))).toBe(
      poolKey(config, 'legacy', key('a', 'u', 's2')),
    );
    expect(poolKey(httpConfig, 'modern', key('a', 'u', 's1', 'x'))).toBe(
      poolKey(httpConfig, 'modern', key('a', 'u', 's2', 'y')),
    );
  });
});
