import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createFakeClock, isAppError } from '../../kernel/index.ts';
import { createSqliteDb, type Db, migrate } from '../../store/index.ts';
import { createScratch, openTestLog, testRecord } from '../testing/rig.ts';
import type { AuditLog } from '../write/create-audit-log.ts';
import { type AuditIndex, createAuditIndex } from './create-audit-index.ts';
import { AUDIT_MIGRATIONS } from './migrations.ts';

const scratch = createScratch();
afterAll(scratch.cleanUp);

interface Rig {
  readonly dir: string;
  readonly log: AuditLog;
  readonly db: Db;
  readonly index: AuditIndex;
  readonly clock: ReturnType<typeof createFakeClock>;
}

async function rig(count: number): Promise<Rig> {
  const dir = await scratch.dir();
  const clock = createFakeClock();
  const log = await openTestLog(dir, { segmentBytes: 20_000 });
  await Promise.all(Array.from({ length: count }, (_, i) => log.append(testRecord(i))));
  const db = await createSqliteDb({ path: ':memory:', clock });
  await migrate(db, AUDIT_MIGRATIONS, clock);
  return { dir, log, db, clock, index: createAuditIndex({ dir, db, clock }) };
}

const calls = (records: readonly { call?: string }[]): (string | undefined)[] =>
  records.map(({ call }) => call);

describe('searching', () => {
  test('finds by any field, newest first, and gives whole records', async () => {
    const { index, log } = await rig(20);
    await log.append(
      testRecord(99, {
        type: 'admin',
        actor: { agent: 'x', agentId: 'x', owner: 'o', user: 'eve' },
      }),
    );
    expect(calls((await index.query({ effect: 'deny', target: 'tool_0' })).records)).toEqual([
      'cal_12',
      'cal_0',
    ]);
    expect((await index.query({ call: 'cal_7' })).records[0]).toMatchObject(testRecord(7));
    expect(calls((await index.query({ user: 'eve' })).records)).toEqual(['cal_99']);
    expect(calls((await index.query({ type: 'admin' })).records)).toEqual(['cal_99']);
    const between = { since: 1_800_000_000_003, until: 1_800_000_000_005 };
    expect(calls((await index.query(between, { order: 'oldest' })).records)).toEqual([
      'cal_3',
      'cal_4',
    ]);
    expect((await index.query({ agent: "' or 1=1 --" })).records).toEqual([]);
    expect((await index.get(3))?.call).toBe('cal_2');
    expect(await index.get(0)).toBeUndefined();
    await log.close();
  });

  test('pages through everything exactly once while records arrive', async () => {
    const { index, log } = await rig(35);
    const seen: number[] = [];
    let after: number | undefined;
    do {
      const page = await index.query({}, { limit: 10, ...(after === undefined ? {} : { after }) });
      seen.push(...page.records.map(({ seq }) => seq));
      after = page.next;
      await log.append(testRecord(1000));
    } while (after !== undefined);
    expect(seen.length).toBe(35);
    expect(new Set(seen).size).toBe(35);
    await log.close();
  });

  test('refuses what is no query', async () => {
    const { index, log } = await rig(1);
    for (const [filter, page] of [
      [{ since: Number.NaN }, {}],
      [{ agent: 'x'.repeat(5000) }, {}],
      [{ agent: { $ne: 1 } as unknown as string }, {}],
      [{}, { limit: 0 }],
      [{}, { limit: 501 }],
      [{}, { after: 1.5 }],
      [{}, { order: 'seq; drop table' as 'newest' }],
    ] as const) {
      const refused = await index.query(filter, page).then(
        () => 'no error',
        (error: unknown) => (isAppError(error) ? error.code : String(error)),
      );
      expect(refused).toBe('AUDIT_BAD_QUERY');
    }
    await log.close();
  });

  test('takes records with texts that a database does not', async () => {
    const { index, log } = await rig(0);
    await log.append(testRecord(1, { target: 'a\0b\ud800' }));
    await log.append(testRecord(2, { target: 'y'.repeat(2000) }));
    expect((await index.query({ target: 'a\0b\ud800' })).records[0]?.target).toBe('a\0b\ud800');
    expect(calls((await index.query({ target: 'y'.repeat(2000) })).records)).toEqual(['cal_2']);
    await log.close();
  });
});

describe('the index', () => {
  test('is built again when it is lost, and when it belongs to another log', async () => {
    const { index, log, db, dir, clock } = await rig(120);
    expect((await index.query({})).indexedTo).toBe(log.head().seq + 1);
    await db.run('delete from audit_index');
    await db.run('delete from audit_records');
    const rebuilt = createAuditIndex({ dir, db, clock });
    expect((await rebuilt.query({ call: 'cal_50' })).records.length).toBe(1);

    const other = await rig(5);
    const moved = createAuditIndex({ dir: other.dir, db, clock });
    // The key and name are the same in every test log; only the time of the first record differs.
    await db.run("update audit_index set first_hash = 'another'");
    expect((await moved.query({}, { limit: 500 })).records.length).toBe(5);
    expect(dir).not.toBe(other.dir);
    await log.close();
    await other.log.close();
  });

  test('never gives a record that is not in the log', async () => {
    const { index, log, db, dir } = await rig(5);
    await index.catchUp();
    await db.run("update audit_records set hash = 'f' where seq = 2");
    await expect(index.query({})).rejects.toMatchObject({ code: 'AUDIT_CORRUPT' });
    await db.run(
      'update audit_records set hash = (select hash from audit_records where seq = 3), place = 999999 where seq = 2',
    );
    await expect(index.query({})).rejects.toMatchObject({ code: 'AUDIT_CORRUPT' });
    await log.close();
    const path = join(dir, '0000000000000000.seg');
    const bytes = await readFile(path, 'utf8');
    await writeFile(path, bytes.replace('"call":"cal_1"', '"call":"cal_9"'));
    await expect(index.query({ call: 'cal_1' })).rejects.toMatchObject({ code: 'AUDIT_CORRUPT' });
    await rm(dir, { recursive: true });
  });

  test('follows in the background when it is started, and not after it was stopped', async () => {
    const { index, log, db, clock } = await rig(3);
    index.start();
    clock.advance(1000);
    await index.catchUp();
    const count = async (): Promise<unknown> =>
      (await db.get<{ n: number }>('select count(*) as n from audit_records'))?.n;
    expect(await count()).toBe(3);
    await index.stop();
    await log.append(testRecord(9));
    clock.advance(10_000);
    expect(await count()).toBe(3);
    expect((await index.query({})).records.length).toBe(4);
    await log.close();
    await db.close();
  });

  test('goes on where it was over segments and restarts', async () => {
    const { index, log, db, dir, clock } = await rig(60);
    await index.catchUp();
    await Promise.all(Array.from({ length: 60 }, (_, i) => log.append(testRecord(100 + i))));
    const again = createAuditIndex({ dir, db, clock });
    expect(await again.catchUp()).toBeGreaterThan(119);
    expect((await again.query({}, { limit: 500 })).records.length).toBe(120);
    await log.close();
  });
});
