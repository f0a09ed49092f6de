import { describe, expect, onTestFinished, test } from 'vitest';
import { isAppError } from '../kernel/index.ts';
import type { Bus, BusMessage } from './bus.ts';

/** One bus, and a second connection to the same one where the driver can have one. */
export interface BusUnderTest {
  readonly bus: Bus;
  readonly peer?: Bus;
}

/** What every driver guarantees. */
export function runBusContract(name: string, make: () => Promise<BusUnderTest>): void {
  describe(`${name} keeps the bus contract`, () => {
    const start = async (): Promise<{ bus: Bus; peer: Bus }> => {
      const { bus, peer = bus } = await make();
      onTestFinished(async () => {
        await bus.close();
        if (peer !== bus) await peer.close();
      });
      return { bus, peer };
    };

    test('delivers text and bytes to every subscription that matches, in order', async () => {
      const { bus, peer } = await start();
      const boxes = [collect(), collect()];
      for (const box of boxes) await peer.subscribe('a.b', box.handler);
      for (let i = 0; i < 300; i++) bus.publish('a.b', `m${i} 😀`);
      bus.publish('a.b', Uint8Array.of(0, 255));
      for (const box of boxes) {
        const messages = await box.take(301);
        expect(messages.slice(0, 300).map((m) => m.text())).toEqual(
          Array.from({ length: 300 }, (_, i) => `m${i} 😀`),
        );
        expect(messages[300]).toMatchObject({ topic: 'a.b', payload: Uint8Array.of(0, 255) });
      }
    });

    test('matches * with one token and > with one or more', async () => {
      const { bus, peer } = await start();
      const topics = ['a', 'a.b', 'a.c', 'a.b.c', 'a.b.c.d', 'b.b'];
      const cases: [string, string[]][] = [
        ['a', ['a']],
        ['a.*', ['a.b', 'a.c']],
        ['a.>', ['a.b', 'a.c', 'a.b.c', 'a.b.c.d']],
        ['*.b', ['a.b', 'b.b']],
        ['*', ['a']],
        ['>', topics],
        ['*.*.>', ['a.b.c', 'a.b.c.d']],
      ];
      const boxes = await Promise.all(
        cases.map(async ([pattern]) => {
          const box = collect();
          await peer.subscribe(pattern, box.handler);
          await peer.subscribe('end', box.handler);
          return box;
        }),
      );
      for (const topic of topics) bus.publish(topic, topic);
      await nextTurns();
      bus.publish('end', 'end');
      for (const [i, [pattern, expected]] of cases.entries()) {
        const seen = await boxes[i]!.until((m) => m.topic === 'end');
        expect(new Set(seen.map((m) => m.topic).filter((t) => t !== 'end')), pattern).toEqual(
          new Set(expected),
        );
      }
    });

    test('gives each message to one member of a queue and to all others', async () => {
      const { bus, peer } = await start();
      const workers = [collect(), collect(), collect()];
      const watcher = collect();
      for (const worker of workers)
        await peer.subscribe('job.*', worker.handler, { queue: 'workers' });
      await peer.subscribe('job.>', watcher.handler);
      for (let i = 0; i < 90; i++) bus.publish('job.run', String(i));
      expect((await watcher.take(90)).length).toBe(90);
      while (workers.reduce((sum, worker) => sum + worker.seen.length, 0) < 90) await nextTurns();
      const all = workers
        .flatMap((worker) => worker.seen.map((m) => Number(m.text())))
        .sort((a, b) => a - b);
      expect(all).toEqual(Array.from({ length: 90 }, (_, i) => i));
      for (const worker of workers) expect(worker.seen.length).toBeGreaterThan(0);
    });

    test('is not held up by a subscriber that throws, rejects or never ends', async () => {
      const { bus, peer } = await start();
      const box = collect();
      let thrown = 0;
      await peer.subscribe('a', () => {
        thrown++;
        throw new Error('broken');
      });
      await peer.subscribe('a', async () => {
        throw new Error('broken later');
      });
      await peer.subscribe('a', () => new Promise(() => undefined));
      await peer.subscribe('a', box.handler);
      for (let i = 0; i < 10; i++) bus.publish('a', String(i));
      expect((await box.take(10)).length).toBe(10);
      while (thrown < 10) await nextTurns();
      while (peer.stats().failed < 20) await nextTurns();
      expect(peer.stats().failed).toBe(20);
    });

    test('runs no handler in the turn of the publisher', async () => {
      const { bus } = await start();
      const box = collect();
      await bus.subscribe('a', box.handler);
      bus.publish('a', 'x');
      expect(box.seen).toEqual([]);
      await box.take(1);
    });

    test('drops and counts what a slow subscriber cannot take', async () => {
      const { bus } = await start();
      const box = collect();
      let open = (): void => undefined;
      const gate = new Promise<void>((resolve) => {
        open = resolve;
      });
      const slow = await bus.subscribe('a', (message) => gate.then(() => box.handler(message)), {
        capacity: 5,
      });
      for (let i = 0; i < 50; i++) bus.publish('a', String(i));
      while (slow.dropped() < 44) await nextTurns();
      open();
      await nextTurns();
      bus.publish('a', 'last');
      const seen = await box.until((m) => m.text() === 'last');
      expect(slow.dropped()).toBe(51 - seen.length);
      expect(bus.stats().dropped).toBe(slow.dropped());
      expect(seen[0]?.text()).toBe('0');
    });

    test('gives each receiver its own bytes', async () => {
      const { bus } = await start();
      const box = collect();
      const bytes = Uint8Array.of(1);
      await bus.subscribe('a', (message) => void message.payload.fill(9));
      await bus.subscribe('a', box.handler);
      bus.publish('a', bytes);
      bytes[0] = 7;
      expect((await box.take(1))[0]?.payload).toEqual(Uint8Array.of(1));
    });

    test('stops delivering after unsubscribe', async () => {
      const { bus } = await start();
      const gone = collect();
      const stays = collect();
      const subscription = await bus.subscribe('a', gone.handler);
      await bus.subscribe('a', stays.handler);
      bus.publish('a', '1');
      subscription.unsubscribe();
      subscription.unsubscribe();
      bus.publish('a', '2');
      await stays.take(2);
      expect(gone.seen).toEqual([]);
      expect(bus.stats().subscriptions).toBe(1);
    });

    test('answers a request with the first response', async () => {
      const { bus, peer } = await start();
      await peer.subscribe('sum.*', (message) => {
        message.respond(`${message.text()}!`);
        message.respond('again');
      });
      const answer = await bus.request('sum.one', 'ask', { timeoutMs: 5000 });
      expect(answer.text()).toBe('ask!');
      const many = await Promise.all(
        Array.from({ length: 50 }, (_, i) => bus.request('sum.x', String(i), { timeoutMs: 5000 })),
      );
      expect(many.map((m) => m.text())).toEqual(Array.from({ length: 50 }, (_, i) => `${i}!`));
    });

    test('ends a request that nobody hears, nobody answers or the caller gives up', async () => {
      const { bus } = await start();
      await expectBusCode(
        () => bus.request('nobody', 'x', { timeoutMs: 5000 }),
        'BUS_NO_RESPONDERS',
      );
      await bus.subscribe('silent', () => undefined);
      await expectBusCode(() => bus.request('silent', 'x', { timeoutMs: 1 }), 'BUS_TIMEOUT');
      const stop = new AbortController();
      const asked = bus.request('silent', 'x', { timeoutMs: 5000, signal: stop.signal });
      const reason = new Error('gone');
      stop.abort(reason);
      await expect(asked).rejects.toBe(reason);
    });

    test('refuses bad topics, patterns, queues and payloads', async () => {
      const { bus } = await start();
      for (const topic of [
        '',
        '.',
        'a.',
        '.a',
        'a..b',
        'a b',
        'a.*',
        '>',
        'é',
        'a\n',
        '_INBOX.x',
        '$SYS',
        'a'.repeat(256),
        Array(17).fill('a').join('.'),
      ]) {
        await expectBusCode(() => bus.publish(topic, 'x'), 'BUS_BAD_TOPIC');
        await expectBusCode(() => bus.request(topic, 'x', { timeoutMs: 1 }), 'BUS_BAD_TOPIC');
      }
      for (const pattern of ['', 'a.>.b', 'a*', 'a.b>', '**', 'a b']) {
        await expectBusCode(() => bus.subscribe(pattern, () => undefined), 'BUS_BAD_TOPIC');
      }
      await expectBusCode(
        () => bus.subscribe('a', () => undefined, { queue: 'a.b' }),
        'BUS_BAD_TOPIC',
      );
      const tooLarge = 'x'.repeat(1024 * 1024 + 1);
      for (const payload of [
        tooLarge,
        'é'.repeat(600_000),
        new Uint8Array(1024 * 1024 + 1),
        '\ud800',
        {} as string,
      ]) {
        await expectBusCode(() => bus.publish('a', payload), 'BUS_BAD_PAYLOAD');
      }
      bus.publish('a', 'x'.repeat(1024 * 1024));
    });

    test('ends waiting requests and refuses work when it is closed', async () => {
      const { bus } = await start();
      await bus.subscribe('silent', () => undefined);
      const asked = bus.request('silent', 'x', { timeoutMs: 5000 });
      const outcome = expectBusCode(() => asked, 'BUS_CLOSED');
      await bus.close();
      await outcome;
      await expectBusCode(() => bus.publish('a', 'x'), 'BUS_CLOSED');
      await expectBusCode(() => bus.subscribe('a', () => undefined), 'BUS_CLOSED');
      await bus.close();
    });
  });
}

async function expectBusCode(work: () => unknown, code: string): Promise<void> {
  const outcome: unknown = await (async () => work())().then(
    () => 'resolved',
    (error: unknown) => (isAppError(error) ? error.code : error),
  );
  expect(outcome).toBe(code);
}

const nextTurns = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 1));

function collect(): {
  readonly seen: BusMessage[];
  readonly handler: (message: BusMessage) => void;
  take(n: number): Promise<BusMessage[]>;
  until(done: (message: BusMessage) => boolean): Promise<BusMessage[]>;
} {
  const seen: BusMessage[] = [];
  let wake = (): void => undefined;
  const wait = async (ready: () => boolean): Promise<BusMessage[]> => {
    while (!ready()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return seen;
  };
  return {
    seen,
    handler: (message) => {
      seen.push(message);
      wake();
    },
    take: (n) => wait(() => seen.length >= n),
    until: (done) => wait(() => seen.some(done)),
  };
}
