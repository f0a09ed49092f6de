import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeClock, createSeededRandom } from '../../kernel/index.ts';
import { createSealer } from '../wire/seal.ts';
import { createParkedCalls } from './parked-calls.ts';
import { createSpentStates } from './spent-states.ts';
import { createTaskIds } from './task-ids.ts';

describe('parked calls', () => {
  it('never exceed their bounds and leave nothing behind, whatever happens', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('put' as const), id: fc.nat(30), owner: fc.nat(4) }),
      fc.record({ do: fc.constant('take' as const), id: fc.nat(30), owner: fc.nat(4) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.nat(200) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const clock = createFakeClock();
        const parked = createParkedCalls<{ owner: string; agentId: string; abandon(): void }>({
          clock,
          max: 10,
          maxPerOwner: 3,
        });
        let put = 0;
        let taken = 0;
        let abandoned = 0;
        for (const one of steps) {
          if (one.do === 'wait') clock.advance(one.ms);
          else if (one.do === 'take') {
            const call = parked.take(String(one.id), `o${one.owner}`);
            if (call !== undefined) taken++;
            expect(call?.owner ?? `o${one.owner}`).toBe(`o${one.owner}`);
          } else if (
            parked.put(
              String(one.id),
              { owner: `o${one.owner}`, agentId: 'a', abandon: () => void abandoned++ },
              100,
            )
          )
            put++;
          expect(parked.size()).toBeLessThanOrEqual(10);
          expect(parked.size()).toBe(put - taken - abandoned);
          expect(clock.pending()).toBe(parked.size());
        }
        clock.advance(100);
        expect(parked.size()).toBe(0);
        expect(put).toBe(taken + abandoned);
        for (let owner = 0; owner < 3; owner++) expect(parked.hasRoom(`o${owner}`)).toBe(true);
      }),
    );
  });
});

describe('spent states', () => {
  const make = (maxPerOwner: number) => {
    const clock = createFakeClock();
    return { clock, spent: createSpentStates({ clock, ttlMs: 1_000, maxPerOwner }) };
  };

  it('let each nonce through once, per owner', () => {
    const { clock, spent } = make(10);
    expect(spent.claim('a', 'n', clock.now())).toBe(true);
    expect(spent.claim('a', 'n', clock.now())).toBe(false);
    expect(spent.claim('b', 'n', clock.now())).toBe(true);
  });

  it('never let a nonce through twice, even beyond their bound', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ nonce: fc.nat(20), owner: fc.nat(2), wait: fc.nat(300) }), {
          maxLength: 200,
        }),
        (claims) => {
          const { clock, spent } = make(3);
          const issued = new Map<string, number>();
          const passed = new Set<string>();
          for (const { nonce, owner, wait } of claims) {
            clock.advance(wait);
            const key = `${owner}-${nonce}`;
            const at = issued.get(key) ?? clock.now();
            issued.set(key, at);
            // An expired state does not get this far: the seal refuses it.
            if (at + 1_000 <= clock.now()) continue;
            if (spent.claim(`o${owner}`, key, at)) {
              expect(passed.has(key)).toBe(false);
              passed.add(key);
            }
            expect(spent.size()).toBeLessThanOrEqual(9);
          }
        },
      ),
    );
  });

  it('are forgotten when they expire', () => {
    const { clock, spent } = make(100);
    for (let i = 0; i < 50; i++) spent.claim(`o${i}`, 'n', clock.now());
    expect(spent.size()).toBe(50);
    clock.advance(1_000);
    spent.claim('x', 'n', clock.now());
    expect(spent.size()).toBe(1);
  });
});

describe('task ids', () => {
  it('open for their owner at their server, and keep one spelling', () => {
    const clock = createFakeClock();
    const sealer = createSealer({
      keys: [{ id: 'k', secret: new Uint8Array(32) }],
      random: createSeededRandom(),
      clock,
    });
    const ids = createTaskIds(sealer, 1_000);
    const token = ids.wrap('alice', 'files', 'up') ?? '';
    expect(ids.wrap('alice', 'files', 'up')).toBe(token);
    expect(ids.unwrap('alice', 'files', token)).toBe('up');
    expect(ids.unwrap('bob', 'files', token)).toBeUndefined();
    expect(ids.unwrap('alice', 'mail', token)).toBeUndefined();
    expect(ids.serverOf(token)).toBe('files');
    expect(ids.serverOf(sealer.seal('mrtr', { s: 'files', t: 'up' }, 1_000))).toBeUndefined();
    expect(ids.wrap('alice', 'files', 'x'.repeat(1_025))).toBeUndefined();
    clock.advance(1_000);
    expect(ids.unwrap('alice', 'files', token)).toBeUndefined();
  });
});
