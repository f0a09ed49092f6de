import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFakeClock, systemClock } from '../kernel/index.ts';
import { runBusContract } from './contract.ts';
import { createMemoryBus } from './index.ts';
import { matches } from './topic.ts';

runBusContract('memory bus', async () => ({ bus: createMemoryBus({ clock: systemClock }) }));

describe('topic patterns', () => {
  test('agree with the same rule written as a regular expression', () => {
    const token = fc.constantFrom('a', 'b', 'c-1');
    const topic = fc.array(token, { minLength: 1, maxLength: 5 });
    const pattern = fc
      .tuple(fc.array(fc.oneof(token, fc.constant('*')), { maxLength: 4 }), fc.boolean(), token)
      .map(([head, open, last]) => [...head, open ? '>' : last]);
    fc.assert(
      fc.property(pattern, topic, (p, t) => {
        const rule = p.map((x) => (x === '*' ? '[^.]+' : x === '>' ? '.+' : x)).join('\\.');
        expect(matches(p.join('.'), t.join('.'))).toBe(new RegExp(`^${rule}$`).test(t.join('.')));
      }),
      { numRuns: 500 },
    );
  });
});

describe('memory bus', () => {
  test('passes a message on to another member of the queue when one is full', async () => {
    const bus = createMemoryBus({ clock: systemClock });
    const stuck = await bus.subscribe('a', () => new Promise(() => undefined), {
      queue: 'q',
      capacity: 1,
    });
    let got = 0;
    await bus.subscribe('a', () => void got++, { queue: 'q' });
    for (let i = 0; i < 20; i++) bus.publish('a', 'x');
    while (got < 18) await new Promise(setImmediate);
    expect(stuck.dropped()).toBeGreaterThan(0);
    expect(bus.stats().dropped).toBe(0);
    await bus.close();
  });

  test('lets timers and IO run while a subscriber feeds itself', async () => {
    const bus = createMemoryBus({ clock: systemClock });
    await bus.subscribe('loop', () => bus.publish('loop', 'x'));
    bus.publish('loop', 'x');
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(bus.stats().delivered).toBeGreaterThan(0);
    await bus.close();
  });

  test('bounds the bytes that wait, not only the number of messages', async () => {
    const bus = createMemoryBus({ clock: systemClock });
    const slow = await bus.subscribe('a', () => new Promise(() => undefined));
    for (let i = 0; i < 20; i++) bus.publish('a', new Uint8Array(1024 * 1024));
    expect(slow.dropped()).toBe(4);
    await bus.close();
  });

  test('leaves no timer behind a request that was answered', async () => {
    const clock = createFakeClock();
    const bus = createMemoryBus({ clock });
    await bus.subscribe('a', (message) => message.respond('yes'));
    await bus.request('a', 'x', { timeoutMs: 1000 });
    expect(clock.pending()).toBe(0);
    await bus.close();
  });
});
