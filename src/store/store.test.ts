import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createFakeClock, systemClock } from '../kernel/index.ts';
import { expectCode, runStoreContract, type StoreUnderTest } from './contract.ts';
import { createSqliteDb, migrate, type Queries } from './index.ts';
import { createTurnstile } from './turnstile.ts';
import { runVersionedStoreContract } from './versioned/contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-store-'));
let files = 0;
const freshPath = (): string => join(folder, `d${files++}`, 'store.db');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = async (): Promise<StoreUnderTest> => {
  const path = freshPath();
  return {
    db: await createSqliteDb({ path, clock: systemClock }),
    second: await createSqliteDb({ path, clock: systemClock }),
  };
};
const memory = async (): Promise<StoreUnderTest> => ({
  db: await createSqliteDb({ path: ':memory:', clock: systemClock }),
});

runStoreContract('sqlite file', file);
runStoreContract('sqlite memory', memory);
runVersionedStoreContract('sqlite file', file);
runVersionedStoreContract('sqlite memory', memory);

describe('sqlite file', () => {
  test('is readable by its owner only, with its side files, also when it was not before', async () => {
    const path = freshPath();
    const db = await createSqliteDb({ path, clock: systemClock });
    await db.run('create table t (a text)');
    for (const name of readdirSync(join(path, '..')))
      expect(statSync(join(path, '..', name)).mode & 0o777, name).toBe(0o600);
    await db.close();
    chmodSync(path, 0o644);
    await (await createSqliteDb({ path, clock: systemClock })).close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('commits through a write-ahead log and a full sync', async () => {
    const db = await createSqliteDb({ path: freshPath(), clock: systemClock });
    expect(
      await db.get(
        'select journal_mode as m, (select synchronous from pragma_synchronous) as s, (select foreign_keys from pragma_foreign_keys) as f from pragma_journal_mode',
      ),
    ).toEqual({ m: 'wal', s: 2, f: 1 });
    await db.close();
  });

  test('survives a reopen', async () => {
    const path = freshPath();
    const first = await createSqliteDb({ path, clock: systemClock });
    await first.script("create table t (a text); insert into t values ('kept')");
    await first.close();
    const again = await createSqliteDb({ path, clock: systemClock });
    expect(await again.all('select a from t')).toEqual([{ a: 'kept' }]);
    await again.close();
  });

  test('loses no row that was reported as written when the process is killed', async () => {
    const path = freshPath();
    const script = join(import.meta.dirname, '../../test/fixtures/store/write-until-killed.ts');
    const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (part) => {
      output += part;
      if (output.split('\n').length > 100) child.kill('SIGKILL');
    });
    await new Promise((done) => child.on('close', done));
    const reported = output.split('\n').filter((line) => line !== '').length;
    const db = await createSqliteDb({ path, clock: systemClock });
    const rows = await db.all<{ n: number }>('select n from t order by n');
    expect(reported).toBeGreaterThanOrEqual(100);
    expect(rows.slice(0, reported).map((row) => row.n)).toEqual([...Array(reported).keys()]);
    expect(await db.get('select integrity_check as ok from pragma_integrity_check')).toEqual({
      ok: 'ok',
    });
    await db.close();
  });

  test('names what is wrong with a path or a file', async () => {
    await expectCode(createSqliteDb({ path: folder, clock: systemClock }), 'STORE_OPEN_FAILED');
    const path = join(folder, 'not-a.db');
    writeFileSync(
      path,
      'this is text, not a database, and long enough to have a header of one hundred bytes or more, surely so',
    );
    await expectCode(createSqliteDb({ path, clock: systemClock }), 'STORE_CORRUPT');
  });

  test('takes a path that looks like a URI as a path', async () => {
    const cwd = process.cwd();
    process.chdir(folder);
    try {
      await (
        await createSqliteDb({ path: 'file:evil.db?mode=memory', clock: systemClock })
      ).close();
      expect(readdirSync(folder)).toContain('file:evil.db?mode=memory');
    } finally {
      process.chdir(cwd);
    }
  });

  test('waits for the lock of another connection without stopping the loop, then gives up', async () => {
    const path = freshPath();
    const db = await createSqliteDb({ path, clock: systemClock });
    const hasty = await createSqliteDb({ path, clock: systemClock, busyMs: 0 });
    const patient = await createSqliteDb({ path, clock: systemClock });
    await db.run('create table t (a text)');
    let waiting: Promise<unknown> = Promise.resolve();
    await db.transaction(async (tx) => {
      await tx.run("insert into t values ('a')");
      await expectCode(hasty.run("insert into t values ('b')"), 'STORE_BUSY');
      waiting = patient.run("insert into t values ('c')");
    });
    await waiting;
    expect(await db.all('select a from t order by a')).toEqual([{ a: 'a' }, { a: 'c' }]);
    for (const one of [db, hasty, patient]) await one.close();
  });

  test('rolls back a transaction that lasts too long and goes on', async () => {
    const clock = createFakeClock();
    const db = await createSqliteDb({ path: ':memory:', clock });
    await db.run('create table t (a text)');
    let kept: Queries | undefined;
    const stuck = db.transaction(async (tx) => {
      kept = tx;
      await tx.run("insert into t values ('a')");
      clock.advance(10_000);
      await new Promise(() => undefined);
    });
    await expectCode(stuck, 'STORE_TRANSACTION');
    await expectCode(
      kept?.run("insert into t values ('late')") ?? Promise.resolve(),
      'STORE_TRANSACTION',
    );
    expect(await db.all('select a from t')).toEqual([]);
    await db.close();
  });
});

test('the turnstile turns callers away beyond its limit and recovers', async () => {
  const turnstile = createTurnstile(2);
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const first = turnstile.enter(() => gate);
  const second = turnstile.enter(() => 'second');
  await expectCode(
    turnstile.enter(() => 'third'),
    'STORE_BUSY',
  );
  open();
  await first;
  expect(await second).toBe('second');
  expect(await turnstile.enter(() => 'fourth')).toBe('fourth');
});

describe('migrations', () => {
  const clock = createFakeClock();
  const one = {
    area: 'a',
    version: 1,
    sql: 'create table a1 (x text);\ncreate index i1 on a1 (x);',
  };
  const two = { area: 'a', version: 2, sql: 'alter table a1 add column y bigint;' };

  test('apply in order, once, and remember their text whatever the line ends', async () => {
    const { db } = await memory();
    expect((await migrate(db, [one], clock)).applied).toEqual([{ area: 'a', version: 1 }]);
    expect(
      (await migrate(db, [{ ...one, sql: one.sql.replaceAll('\n', '\r\n') }, two], clock)).applied,
    ).toEqual([{ area: 'a', version: 2 }]);
    expect((await migrate(db, [one, two], clock)).applied).toEqual([]);
    await db.run("insert into a1 (x, y) values ('x', 1)");
    await db.close();
  });

  test('refuse an edited step and a database of a newer release', async () => {
    const { db } = await memory();
    await migrate(db, [one, two], clock);
    await expectCode(
      migrate(db, [{ ...one, sql: 'create table other (x text)' }, two], clock),
      'STORE_MIGRATION_CHANGED',
    );
    await expectCode(migrate(db, [one], clock), 'STORE_TOO_NEW');
    expect(
      (await migrate(db, [{ area: 'b', version: 1, sql: 'create table b1 (x text)' }], clock))
        .applied,
    ).toHaveLength(1);
    await db.close();
  });

  test('leave nothing behind when a step fails half way', async () => {
    const { db } = await memory();
    await expectCode(
      migrate(
        db,
        [one, { ...two, sql: 'create table half (x text); insert into missing values (1);' }],
        clock,
      ),
      'STORE_MIGRATION_FAILED',
    );
    expect(await db.all("select name from sqlite_master where name in ('half', 'a1')")).toEqual([
      { name: 'a1' },
    ]);
    expect((await migrate(db, [one, two], clock)).applied).toEqual([{ area: 'a', version: 2 }]);
    await db.close();
  });

  test('refuse gaps and statements that leave the transaction', async () => {
    const { db } = await memory();
    await expect(migrate(db, [two], clock)).rejects.toThrow('expected version 1');
    for (const sql of [
      'create table x (a text); commit;',
      'pragma synchronous = off',
      "-- c\nattach 'x' as y",
      'vacuum',
    ]) {
      await expect(migrate(db, [{ ...one, sql }], clock)).rejects.toThrow('must not use');
    }
    await expectCode(
      migrate(db, [{ ...one, sql: 'create table x (a text); end;' }], clock),
      'STORE_MIGRATION_FAILED',
    );
    await db.close();
  });

  test('run by two processes at once are applied once', async () => {
    const { db, second } = await file();
    const results = await Promise.all([
      migrate(db, [one, two], clock),
      migrate(second ?? db, [one, two], clock),
    ]);
    expect(results.flatMap((result) => result.applied)).toHaveLength(2);
    await db.close();
    await second?.close();
  });
});

test('no bound JavaScript value can end the process', async () => {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '../../test/fixtures/store/seam-fuzz.ts'), '10000'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  let complaint = '';
  child.stdout.on('data', (part) => (output += part));
  child.stderr.on('data', (part) => (complaint += part));
  const end = await new Promise((done) =>
    child.on('close', (code, signal) => done({ code, signal })),
  );
  expect(end, complaint).toEqual({ code: 0, signal: null });
  const { accepted, refused, wrong } = JSON.parse(output) as Record<string, number>;
  expect(wrong).toBe(0);
  expect(Number(accepted) + Number(refused)).toBe(10_000);
  expect(Math.min(Number(accepted), Number(refused))).toBeGreaterThan(1000);
}, 60_000);
