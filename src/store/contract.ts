import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { isAppError } from '../kernel/index.ts';
import type { Db, SqlInput } from './db.ts';

/** One database to test, and a second connection to the same data where the driver can have one. */
export interface StoreUnderTest {
  readonly db: Db;
  readonly second?: Db;
}

/** What every driver guarantees. `make` gives an empty database; the suite closes the connections. */
export function runStoreContract(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the store contract`, () => {
    const opened: Db[] = [];
    const start = async (): Promise<StoreUnderTest> => {
      const made = await make();
      opened.push(made.db, ...(made.second === undefined ? [] : [made.second]));
      await made.db.run('create table t (id text primary key, n bigint, s text, b blob, r real)');
      return made;
    };
    afterEach(async () => {
      for (const db of opened.splice(0)) await db.close();
    });

    test('gives back text, integers of 64 bits, fractions, bytes and null as they were', async () => {
      const { db } = await start();
      const rows: SqlInput[][] = [
        ['a', 0, 'grüße 😀 ?', Uint8Array.of(0, 255), 1.5],
        ['b', 2n ** 63n - 1n, '', new Uint8Array(0), -0],
        ['c', -(2n ** 63n), null, null, null],
        ['d', Number.MAX_SAFE_INTEGER, 'x', null, 5e-324],
        ['e', true, null, null, null],
      ];
      for (const row of rows)
        await db.run('insert into t (id, n, s, b, r) values (?, ?, ?, ?, ?)', row);
      expect(await db.all('select id, n, s, b, r from t order by id')).toEqual([
        { id: 'a', n: 0, s: 'grüße 😀 ?', b: Uint8Array.of(0, 255), r: 1.5 },
        { id: 'b', n: 2n ** 63n - 1n, s: '', b: new Uint8Array(0), r: 0 },
        { id: 'c', n: -(2n ** 63n), s: null, b: null, r: null },
        { id: 'd', n: Number.MAX_SAFE_INTEGER, s: 'x', b: null, r: 5e-324 },
        { id: 'e', n: 1, s: null, b: null, r: null },
      ]);
    });

    test('gives back any text and any integer', async () => {
      const { db } = await start();
      const text = fc.string({ unit: 'grapheme' }).filter((s) => !s.includes('\0'));
      await fc.assert(
        fc.asyncProperty(
          text,
          fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
          async (s, n) => {
            await db.run(
              'insert into t (id, s, n) values (?, ?, ?) on conflict (id) do update set s = excluded.s, n = excluded.n',
              ['k', s, n],
            );
            const row = await db.get('select s, n from t where id = ?', ['k']);
            expect([row?.['s'], BigInt(row?.['n'] as number | bigint)]).toEqual([s, n]);
          },
        ),
        { numRuns: 100 },
      );
    });

    test('refuses values and counts outside the seam rule before the database sees them', async () => {
      const { db } = await start();
      const bad: unknown[] = [
        undefined,
        NaN,
        Infinity,
        'a\0b',
        '\ud800',
        2n ** 63n,
        -(2n ** 63n) - 1n,
        {},
        [],
        [1],
        new Date(),
        Symbol('s'),
        () => 1,
        new Map(),
        new DataView(new ArrayBuffer(1)),
        new Uint16Array(1),
        Object.create(Uint8Array.prototype),
      ];
      for (const value of bad) {
        await expectCode(
          db.run('insert into t (id, s) values (?, ?)', ['x', value as SqlInput]),
          'STORE_BAD_VALUE',
        );
      }
      for (const values of [[], ['x'], ['x', 'y', 'z']]) {
        await expectCode(db.run('insert into t (id, s) values (?, ?)', values), 'STORE_BAD_VALUE');
      }
      await expectCode(
        db.run('insert into t (id, s) values (?, ?)', {
          0: 'a',
          1: 'b',
          length: 2,
        } as unknown as SqlInput[]),
        'STORE_BAD_VALUE',
      );
      expect(await db.all('select id from t')).toEqual([]);
    });

    test('refuses several statements and other placeholder forms', async () => {
      const { db } = await start();
      for (const sql of [
        'select 1; select 2',
        'select ?1',
        'select :a',
        'select $1',
        'select @a',
        "select 'open",
        'select /* open',
        'select 1\0',
      ]) {
        await expectCode(db.get(sql), 'STORE_BAD_STATEMENT');
      }
    });

    test('does not take a question mark in a string, name or comment for a placeholder', async () => {
      const { db } = await start();
      const row = await db.get(`select '?''?' as "a?", /* ? */ cast(? as text) as b -- ?\n;`, [
        'v',
      ]);
      expect(row).toEqual({ 'a?': "?'?", b: 'v' });
    });

    test('keeps hostile text as data', async () => {
      const { db } = await start();
      const hostile = `'); drop table t; --`;
      await db.run('insert into t (id, s) values (?, ?)', [hostile, hostile]);
      expect(await db.get('select s from t where id = ?', [hostile])).toEqual({ s: hostile });
    });

    test('counts changes and gives undefined for no row', async () => {
      const { db } = await start();
      for (const id of ['a', 'b', 'c']) await db.run('insert into t (id, n) values (?, 1)', [id]);
      expect((await db.run('update t set n = 2 where id <> ?', ['a'])).changes).toBe(2);
      expect((await db.run('delete from t where id = ?', ['none'])).changes).toBe(0);
      expect(await db.get('select id from t where id = ?', ['none'])).toBeUndefined();
      expect(await db.get('select id from t order by id')).toEqual({ id: 'a' });
      expect(await db.get("insert into t (id) values ('r') returning id")).toEqual({ id: 'r' });
    });

    test('names a broken unique key and any other broken rule', async () => {
      const { db } = await start();
      await db.run("insert into t (id) values ('a')");
      await expectCode(db.run("insert into t (id) values ('a')"), 'STORE_CONFLICT');
      await db.run('create table u (id text not null, t text references t (id))');
      await expectCode(db.run('insert into u (id) values (null)'), 'STORE_CONSTRAINT');
      await expectCode(db.run("insert into u (id, t) values ('u', 'missing')"), 'STORE_CONSTRAINT');
      await expectCode(db.run('select nothing from nowhere'), 'STORE_FAILED');
    });

    test('makes all of a transaction visible or none of it', async () => {
      const { db } = await start();
      const result = await db.transaction(async (tx) => {
        await tx.run("insert into t (id) values ('a')");
        await tx.run("insert into t (id) values ('b')");
        return (await tx.all('select id from t')).length;
      });
      expect(result).toBe(2);
      const boom = new Error('boom');
      await expect(
        db.transaction(async (tx) => {
          await tx.run("insert into t (id) values ('c')");
          throw boom;
        }),
      ).rejects.toBe(boom);
      await expectCode(
        db.transaction(async (tx) => {
          await tx.run("insert into t (id) values ('d')");
          await tx.run("insert into t (id) values ('d')");
        }),
        'STORE_CONFLICT',
      );
      expect(await db.all('select id from t order by id')).toEqual([{ id: 'a' }, { id: 'b' }]);
    });

    test('keeps statements of others out of an open transaction', async () => {
      const { db } = await start();
      const order: string[] = [];
      const first = db.transaction(async (tx) => {
        await tx.run("insert into t (id) values ('tx')");
        for (let i = 0; i < 5; i++) await Promise.resolve();
        order.push('first');
        throw new Error('undo');
      });
      const other = db.run("insert into t (id) values ('other')").then(() => order.push('other'));
      await expect(first).rejects.toThrow('undo');
      await other;
      expect(order).toEqual(['first', 'other']);
      expect(await db.all('select id from t')).toEqual([{ id: 'other' }]);
    });

    test('loses no update when many transactions read and write the same row', async () => {
      const { db, second } = await start();
      await db.run("insert into t (id, n) values ('c', 0)");
      const add = (on: Db): Promise<void> =>
        on.transaction(async (tx) => {
          const row = await tx.get<{ n: number }>("select n from t where id = 'c'");
          await Promise.resolve();
          await tx.run("update t set n = ? where id = 'c'", [(row?.n ?? 0) + 1]);
        });
      await Promise.all(
        Array.from({ length: 40 }, (_, i) => add(i % 2 === 0 ? db : (second ?? db))),
      );
      expect(await db.get("select n from t where id = 'c'")).toEqual({ n: 40 });
    });

    test('refuses the outer database inside of a transaction instead of waiting for ever', async () => {
      const { db } = await start();
      await expectCode(
        db.transaction(async () => void (await db.run('delete from t'))),
        'STORE_TRANSACTION',
      );
      await expectCode(
        db.transaction(() => db.transaction(async () => 1)),
        'STORE_TRANSACTION',
      );
      expect(await db.all('select id from t')).toEqual([]);
    });

    test('refuses a transaction handle that has ended', async () => {
      const { db } = await start();
      const leaked = await db.transaction(async (tx) => ({ tx }));
      await expectCode(leaked.tx.run('delete from t'), 'STORE_TRANSACTION');
    });

    test('refuses statements that open or end a transaction by themselves', async () => {
      const { db } = await start();
      await expectCode(db.run('begin'), 'STORE_TRANSACTION');
      await expectCode(
        db.transaction(async (tx) => {
          await tx.run("insert into t (id) values ('a')");
          await tx.run('rollback');
        }),
        'STORE_TRANSACTION',
      );
      expect(await db.all('select id from t')).toEqual([]);
      await db.run("insert into t (id) values ('after')");
      expect(await db.all('select id from t')).toEqual([{ id: 'after' }]);
    });

    test('refuses to give more rows than the limit', async () => {
      const { db } = await start();
      const endless =
        'with recursive c(n) as (select 1 union all select n + 1 from c where n < 100001) select n from c';
      await expectCode(db.all(endless), 'STORE_TOO_MANY_ROWS');
      expect(await db.get('select 1 as one')).toEqual({ one: 1 });
    });

    test('shows committed changes to a second connection', async () => {
      const { db, second } = await start();
      if (second === undefined) return;
      await db.run("insert into t (id) values ('a')");
      expect(await second.all('select id from t')).toEqual([{ id: 'a' }]);
    });

    test('refuses work after it was closed', async () => {
      const { db } = await start();
      const last = db.run("insert into t (id) values ('last')");
      await db.close();
      await expect(last).resolves.toEqual({ changes: 1 });
      await expectCode(db.run('select 1'), 'STORE_CLOSED');
      await db.close();
    });
  });
}

/** Asserts on the public code alone. */
export async function expectCode(work: Promise<unknown>, code: string): Promise<void> {
  const outcome: unknown = await work.then(
    () => 'resolved',
    (error: unknown) => (isAppError(error) ? error.code : error),
  );
  expect(outcome).toBe(code);
}
