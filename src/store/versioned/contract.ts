import { describe, expect, onTestFinished, test } from 'vitest';
import { createFakeClock, createSeededRandom, type FakeClock } from '../../kernel/index.ts';
import { expectCode, type StoreUnderTest } from '../contract.ts';
import { migrate } from '../migrate.ts';
import {
  ABSENT,
  createVersionedStore,
  type VersionedStore,
  versionedStoreMigration,
} from './versioned-store.ts';

/** What the versioned store guarantees over any driver. */
export function runVersionedStoreContract(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the versioned store contract`, () => {
    const start = async (): Promise<{
      store: VersionedStore;
      other: VersionedStore;
      clock: FakeClock;
    }> => {
      const { db, second } = await make();
      onTestFinished(async () => {
        await db.close();
        await second?.close();
      });
      const clock = createFakeClock();
      await migrate(db, [versionedStoreMigration('sessions', 1, 'sessions')], clock);
      const open = (on: typeof db, seed: number) =>
        createVersionedStore({
          db: on,
          table: 'sessions',
          clock,
          random: createSeededRandom(seed),
        });
      return { store: open(db, 1), other: open(second ?? db, 2), clock };
    };
    const create = async (
      store: VersionedStore,
      key: string,
      value = 'v',
      expiresAt?: number,
    ): Promise<number> => {
      const result = await store.compareAndSet(key, ABSENT, 'agt_1', value, expiresAt);
      if (!result.ok) throw new Error(`${key} exists`);
      return result.version;
    };

    test('writes, reads and changes an entry with its owner', async () => {
      const { store } = await start();
      const version = await create(store, 'ses/1', 'one');
      expect(await store.get('ses/1')).toEqual({
        key: 'ses/1',
        version,
        owner: 'agt_1',
        value: 'one',
      });
      const changed = await store.compareAndSet('ses/1', version, 'agt_2', 'two');
      expect(changed.ok).toBe(true);
      expect(await store.get('ses/1')).toMatchObject({ owner: 'agt_2', value: 'two' });
      expect(await store.get('ses/2')).toBeUndefined();
    });

    test('refuses a stale version and an existing key, and shows what is there', async () => {
      const { store } = await start();
      const version = await create(store, 'k', 'one');
      const current = { key: 'k', version, owner: 'agt_1', value: 'one' };
      expect(await store.compareAndSet('k', ABSENT, 'agt_2', 'x')).toEqual({ ok: false, current });
      expect(await store.compareAndSet('k', version + 1, 'agt_2', 'x')).toEqual({
        ok: false,
        current,
      });
      expect(await store.compareAndSet('none', 5, 'agt_2', 'x')).toEqual({ ok: false });
    });

    test('lets exactly one of several writers win, also over two connections', async () => {
      const { store, other } = await start();
      const version = await create(store, 'k');
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          (i % 2 === 0 ? store : other).compareAndSet('k', version, `agt_${i}`, `v${i}`),
        ),
      );
      expect(results.filter((result) => result.ok)).toHaveLength(1);
      const births = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          (i % 2 === 0 ? store : other).compareAndSet('new', ABSENT, `agt_${i}`, 'v'),
        ),
      );
      expect(births.filter((result) => result.ok)).toHaveLength(1);
    });

    test('takes an expired entry as absent everywhere', async () => {
      const { store, clock } = await start();
      const version = await create(store, 'k', 'old', clock.now() + 1000);
      clock.advance(999);
      expect(await store.get('k')).toMatchObject({ expiresAt: clock.now() + 1 });
      clock.advance(1);
      expect(await store.get('k')).toBeUndefined();
      expect(await store.list('')).toEqual([]);
      expect(await store.compareAndSet('k', version, 'agt_1', 'late')).toEqual({ ok: false });
      expect(await store.delete('k')).toBe(false);
      await create(store, 'k', 'new');
      expect(await store.get('k')).toMatchObject({ value: 'new' });
    });

    test('does not accept the version of an earlier life of the key', async () => {
      const { store } = await start();
      const first = await create(store, 'k');
      expect(await store.delete('k', first)).toBe(true);
      await create(store, 'k', 'second life');
      expect((await store.compareAndSet('k', first, 'agt_1', 'stale')).ok).toBe(false);
      expect(await store.delete('k', first)).toBe(false);
      expect(await store.get('k')).toMatchObject({ value: 'second life' });
    });

    test('lists by prefix, owner and page in key order, taking wildcards as plain text', async () => {
      const { store } = await start();
      for (const key of ['a/1', 'a/2', 'a/3', 'a%', 'a_', 'b/1', 'a']) await create(store, key);
      await store.compareAndSet('a/9', ABSENT, 'agt_2', 'v');
      const keys = async (...args: Parameters<VersionedStore['list']>) =>
        (await store.list(...args)).map((entry) => entry.key);
      expect(await keys('a/')).toEqual(['a/1', 'a/2', 'a/3', 'a/9']);
      expect(await keys('a%')).toEqual(['a%']);
      expect(await keys('a/', { after: 'a/1', limit: 2 })).toEqual(['a/2', 'a/3']);
      expect(await keys('a/', { owner: 'agt_2' })).toEqual(['a/9']);
      expect(await keys('')).toEqual(['a', 'a%', 'a/1', 'a/2', 'a/3', 'a/9', 'a_', 'b/1']);
    });

    test('removes expired entries in bounded steps', async () => {
      const { store, clock } = await start();
      for (let i = 0; i < 5; i++) await create(store, `k${i}`, 'v', clock.now() + 1);
      await create(store, 'stays');
      clock.advance(1);
      expect([
        await store.deleteExpired(3),
        await store.deleteExpired(3),
        await store.deleteExpired(3),
      ]).toEqual([3, 2, 0]);
      expect(await store.get('stays')).toBeDefined();
    });

    test('refuses keys that databases would sort or compare differently, and oversize values', async () => {
      const { store } = await start();
      for (const key of ['', 'a b', 'é', 'a\0', 'x'.repeat(513), 'a\n'])
        await expectCode(store.get(key), 'STORE_BAD_VALUE');
      await expectCode(
        store.compareAndSet('k', ABSENT, 'agt_1', 'x'.repeat(1024 * 1024 + 1)),
        'STORE_BAD_VALUE',
      );
      await expectCode(store.compareAndSet('k', ABSENT, 'agt_1', 'a\0b'), 'STORE_BAD_VALUE');
    });
  });
}
