import { appendFile, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createFakeClock, isAppError } from '../../kernel/index.ts';
import type { AuditReceipt } from '../model.ts';
import { readAudit, type StoredRecord } from '../read/read-audit.ts';
import {
  createScratch,
  diskError,
  faultyFs,
  linesOf,
  openTestLog,
  readLog,
  segmentsOf,
  testRecord,
  writeLog,
} from '../testing/rig.ts';
import { verifyAudit } from '../verify/verify-audit.ts';

const scratch = createScratch();
afterAll(scratch.cleanUp);

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
  return 'no error';
}

async function records(dir: string): Promise<StoredRecord[]> {
  const out: StoredRecord[] = [];
  for await (const record of readAudit(dir)) out.push(record);
  return out;
}

describe('appending', () => {
  test('gives numbers without gaps and hashes that are in the log', async () => {
    const dir = await scratch.dir();
    const log = await openTestLog(dir);
    const receipts = await Promise.all([0, 1, 2, 3].map((i) => log.append(testRecord(i))));
    expect(receipts.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect((await records(dir)).map(({ seq, hash }) => ({ seq, hash }))).toEqual(receipts);
    expect((await records(dir))[2]).toMatchObject(testRecord(2));
    await log.close();
  });

  test('writes and syncs once for all that wait', async () => {
    const dir = await scratch.dir();
    const count = { write: 0, datasync: 0, open: 0, replace: 0, syncDirectory: 0 };
    const log = await openTestLog(dir, {
      fs: faultyFs({
        before(operation) {
          count[operation] += 1;
        },
      }),
      checkpointEvery: 10_000,
    });
    const before = { ...count };
    await Promise.all(Array.from({ length: 500 }, (_, i) => log.append(testRecord(i))));
    expect(count.write - before.write).toBe(1);
    expect(count.datasync - before.datasync).toBe(1);
    await log.close();
  });

  test('resolves only after the sync', async () => {
    const dir = await scratch.dir();
    const seen: string[] = [];
    const log = await openTestLog(dir, {
      fs: faultyFs({ before: (operation) => void seen.push(operation) }),
    });
    seen.length = 0;
    await log.append(testRecord(1)).then(() => seen.push('durable'));
    expect(seen.slice(0, 3)).toEqual(['write', 'datasync', 'durable']);
    await log.close();
  });

  test('lets a record that nobody waits for join the next one, or go alone soon', async () => {
    const dir = await scratch.dir();
    const clock = createFakeClock();
    let writes = 0;
    const log = await openTestLog(dir, {
      clock,
      fs: faultyFs({
        before(operation) {
          if (operation === 'write') writes += 1;
        },
      }),
    });
    writes = 0;
    const outcome = log.append(testRecord(1, { type: 'outcome' }), 'soon');
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(writes).toBe(0);
    await Promise.all([outcome, log.append(testRecord(2))]);
    expect(writes).toBe(1);
    const alone = log.append(testRecord(3, { type: 'outcome' }), 'soon');
    clock.advance(10);
    await alone;
    expect(writes).toBe(2);
    const closing = log.append(testRecord(4, { type: 'outcome' }), 'soon');
    await log.close();
    expect((await closing).seq).toBe(4);
  });

  test('replaces what is too long or no JSON by its digest and drops nothing', async () => {
    const dir = await scratch.dir();
    const log = await openTestLog(dir);
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    await Promise.all([
      log.append(testRecord(1, { detail: { text: 'x'.repeat(300 * 1024) } })),
      log.append(testRecord(2, { target: 'y'.repeat(300 * 1024) })),
      log.append(testRecord(3, { detail: cycle })),
      log.append(testRecord(4, { detail: { big: 2n ** 70n } })),
      log.append(testRecord(5, { target: 'a\nb\ud800\u2028' })),
    ]);
    await log.close();
    const [long, target, cyclic, big, odd] = await records(dir);
    expect(long).toMatchObject({ call: 'cal_1', detail: { omitted: 'too large', size: 307211 } });
    expect(long?.detail?.['digest']).toMatch(/^[0-9a-f]{64}$/);
    expect(target?.target?.length).toBeLessThan(400);
    expect(target).toMatchObject({ call: 'cal_2', detail: { i: 2 } });
    expect(cyclic).toMatchObject({ call: 'cal_3', detail: { omitted: 'not JSON' } });
    expect(big?.detail).toEqual({ big: String(2n ** 70n) });
    expect(odd?.target).toBe('a\nb\ud800\u2028');
    expect((await verifyAudit(dir)).ok).toBe(true);
  });

  test('begins new segments at their size and goes on with the last after a restart', async () => {
    const dir = await scratch.dir();
    for (let run = 0; run < 3; run++) {
      const log = await openTestLog(dir, { segmentBytes: 2500 });
      for (let i = 0; i < 10; i++) await log.append(testRecord(run * 10 + i));
      await log.close();
    }
    const report = await verifyAudit(dir);
    expect(report).toMatchObject({ ok: true, closed: true });
    expect(report.segments).toBeGreaterThan(3);
    expect((await records(dir)).length).toBe(30);
  });

  test('keeps its files from other users', async () => {
    const dir = await scratch.dir();
    const log = await openTestLog(join(dir, 'log'));
    await log.append(testRecord(1));
    await log.close();
    expect((await stat(join(dir, 'log'))).mode & 0o777).toBe(0o700);
    for (const name of [...(await readLog(join(dir, 'log'))).keys(), 'audit-key.pem', 'lock'])
      expect((await stat(join(dir, 'log', name))).mode & 0o777, name).toBe(0o600);
  });
});

describe('push-back', () => {
  test('refuses past the bound, keeps room for outcomes, and goes on afterwards', async () => {
    const dir = await scratch.dir();
    const log = await openTestLog(dir, { maxOutstanding: 50 });
    const made = Array.from({ length: 200 }, (_, i) => codeOf(log.append(testRecord(i))));
    expect(log.stats().outstanding).toBe(50);
    const outcomes = Array.from({ length: 200 }, (_, i) =>
      codeOf(log.append(testRecord(i, { type: 'outcome' }))),
    );
    expect(log.stats().outstanding).toBe(100);
    const codes = await Promise.all(made);
    expect(codes.filter((code) => code === 'no error').length).toBe(50);
    expect(codes.filter((code) => code === 'AUDIT_BACKPRESSURE').length).toBe(150);
    expect((await Promise.all(outcomes)).filter((code) => code === 'no error').length).toBe(50);
    expect(log.stats().outstanding).toBe(0);
    expect((await log.append(testRecord(1))).seq).toBeGreaterThan(0);
    await log.close();
    // Refused records left no gap in the chain.
    expect(await verifyAudit(dir)).toMatchObject({ ok: true });
    expect((await records(dir)).length).toBe(101);
  });

  test('holds no more text than its bound while the disk hangs', async () => {
    const dir = await scratch.dir();
    const log = await openTestLog(dir, { maxOutstanding: 1_000_000 });
    const big = { text: 'x'.repeat(200 * 1024) };
    let accepted = 0;
    let refused = 0;
    const settled: Promise<unknown>[] = [];
    // Nothing is written while this loop runs, since the event loop does not turn.
    for (let i = 0; i < 1000; i++) {
      const before = log.stats().outstanding;
      settled.push(codeOf(log.append(testRecord(i, { detail: big }))));
      if (log.stats().outstanding > before) accepted += 1;
      else refused += 1;
    }
    expect(accepted).toBeLessThan(400);
    expect(refused).toBeGreaterThan(600);
    await Promise.all(settled);
    await log.close();
  });
});

describe('a disk that fails', () => {
  for (const [operation, code] of [
    ['write', 'EIO'],
    ['write', 'ENOSPC'],
    ['datasync', 'EIO'],
    ['open', 'EMFILE'],
    ['syncDirectory', 'EIO'],
  ] as const) {
    test(`${operation} gives ${code}: everything is refused until the log is opened again`, async () => {
      const dir = await scratch.dir();
      let broken = false;
      let touched = 0;
      const log = await openTestLog(dir, {
        segmentBytes: 1,
        fs: faultyFs({
          before(what) {
            if (broken && what !== 'replace') touched += 1;
            if (broken && what === operation) throw diskError(code);
          },
        }),
      });
      const kept = await log.append(testRecord(1));
      broken = true;
      const lost = [2, 3].map((i) => codeOf(log.append(testRecord(i))));
      expect(await Promise.all(lost)).toEqual(['AUDIT_UNAVAILABLE', 'AUDIT_UNAVAILABLE']);
      expect(log.healthy()).toBe(false);
      broken = false;
      const before = touched;
      expect(await codeOf(log.append(testRecord(4)))).toBe('AUDIT_UNAVAILABLE');
      expect(touched).toBe(before);
      await log.close();

      const again = await openTestLog(dir);
      const after = await again.append(testRecord(5));
      await again.close();
      expect(await verifyAudit(dir, { expect: [kept, after] })).toMatchObject({ ok: true });
    });
  }

  test('takes short writes until the batch is whole', async () => {
    const dir = await scratch.dir();
    const log = await openTestLog(dir, {
      fs: faultyFs({ before: () => {}, take: (length) => Math.min(length, 100) }),
    });
    const receipts = await Promise.all([1, 2, 3].map((i) => log.append(testRecord(i))));
    await log.close();
    expect(await verifyAudit(dir, { expect: receipts })).toMatchObject({ ok: true });
  });

  test('a write that ends half-way leaves a tail that the next start sets aside and records', async () => {
    const dir = await scratch.dir();
    let left = Number.POSITIVE_INFINITY;
    const log = await openTestLog(dir, {
      fs: faultyFs({
        before: () => {},
        take(length) {
          if (left <= 0) throw diskError('ENOSPC');
          const now = Math.min(length, left);
          left -= now;
          return now;
        },
      }),
    });
    const kept = await log.append(testRecord(1));
    left = 500;
    expect(await codeOf(Promise.all([2, 3, 4].map((i) => log.append(testRecord(i)))))).toBe(
      'AUDIT_UNAVAILABLE',
    );
    await log.close();
    const again = await openTestLog(dir);
    await again.close();
    expect(await verifyAudit(dir, { expect: [kept] })).toMatchObject({ ok: true });
    const fault = (await records(dir)).find(({ type }) => type === 'fault');
    expect(fault).toMatchObject({ effect: 'recovered', detail: { signedThrough: 0 } });
    const torn = fault?.detail?.['torn'] as { file: string; bytes: number };
    expect((await readFile(join(dir, torn.file))).length).toBe(torn.bytes);
  });

  test('a head that cannot be written is tried again and stops nothing', async () => {
    const dir = await scratch.dir();
    const clock = createFakeClock();
    let broken = false;
    let tries = 0;
    const log = await openTestLog(dir, {
      clock,
      fs: faultyFs({
        before(what) {
          if (what !== 'replace') return;
          tries += 1;
          if (broken) throw diskError('ENOSPC');
        },
      }),
    });
    broken = true;
    for (let i = 0; i < 12; i++) await log.append(testRecord(i));
    await new Promise((resolve) => setImmediate(resolve));
    expect(tries).toBe(2);
    expect(log.healthy()).toBe(true);
    broken = false;
    clock.advance(1000);
    await log.append(testRecord(20));
    expect(tries).toBe(3);
    await log.close();
    expect(await verifyAudit(dir)).toMatchObject({ ok: true, closed: true });
  });
});

describe('opening', () => {
  const prepare = async (): Promise<{ dir: string; receipts: AuditReceipt[] }> => {
    const dir = await scratch.dir();
    const log = await openTestLog(dir);
    const receipts: AuditReceipt[] = [];
    for (let i = 0; i < 5; i++) receipts.push(await log.append(testRecord(i)));
    await log.close();
    return { dir, receipts };
  };

  test('is refused while another writer has the log, and only as long', async () => {
    const dir = await scratch.dir();
    const log = await openTestLog(dir);
    expect(await codeOf(openTestLog(dir))).toBe('AUDIT_LOCKED');
    expect(await codeOf(openTestLog(dir))).toBe('AUDIT_LOCKED');
    await log.append(testRecord(1));
    await log.close();
    await (await openTestLog(dir)).close();
  });

  test('is refused with another key', async () => {
    const { dir } = await prepare();
    const signer = { keyId: 'other', publicKey: 'B'.repeat(43), sign: () => new Uint8Array(64) };
    expect(await codeOf(openTestLog(dir, { signer }))).toBe('AUDIT_KEY_MISMATCH');
  });

  test('is refused when signed records are missing, changed or followed by others', async () => {
    const { dir } = await prepare();
    const files = await readLog(dir);
    const [name = ''] = segmentsOf(files);
    const lines = linesOf(files.get(name)!);
    const flipped = Buffer.from(files.get(name)!);
    flipped[flipped.length - 200] = flipped[flipped.length - 200]! ^ 1;
    for (const bytes of [
      Buffer.concat(lines.slice(0, -1)),
      Buffer.concat(lines).subarray(0, -1),
      Buffer.concat([...lines, Buffer.from('{"seq":')]),
      flipped,
      Buffer.alloc(0),
    ]) {
      await writeLog(dir, new Map([[name, bytes]]));
      expect(await codeOf(openTestLog(dir))).toBe('AUDIT_CORRUPT');
      // Evidence stays as it was found.
      expect(await readFile(join(dir, name))).toEqual(bytes);
    }
    await writeLog(dir, files);
    await (await openTestLog(dir)).close();
  });

  test('goes on after a crash at any byte behind the signed head', async () => {
    const dir = await scratch.dir();
    const log = await openTestLog(dir, { headEveryMs: 1e9, checkpointEvery: 1000 });
    await log.append(testRecord(1));
    await log.append(testRecord(2));
    const files = await readLog(dir);
    const key = await readFile(join(dir, 'audit-key.pem'));
    await log.close();
    const [name = ''] = segmentsOf(files);
    const lines = linesOf(files.get(name)!);
    const signed = lines[0]!.length;
    for (let size = signed; size <= files.get(name)!.length; size += 37) {
      const copy = await scratch.dir();
      await writeFile(join(copy, 'audit-key.pem'), key, { mode: 0o600 });
      await writeLog(copy, new Map(files).set(name, files.get(name)!.subarray(0, size)));
      const again = await openTestLog(copy);
      await again.append(testRecord(9));
      await again.close();
      expect(await verifyAudit(copy), `cut at ${size}`).toMatchObject({ ok: true });
      expect((await records(copy)).some(({ type }) => type === 'fault')).toBe(true);
    }
  });

  test('begins again when the very first write was interrupted', async () => {
    const dir = await scratch.dir();
    await writeFile(join(dir, '0000000000000000.seg'), '{"seq":0,"prev":"000');
    const log = await openTestLog(dir);
    await log.append(testRecord(1));
    await log.close();
    expect(await verifyAudit(dir)).toMatchObject({ ok: true, segments: 1 });
  });

  test('refuses a key file that others can read', async () => {
    const { dir } = await prepare();
    await appendFile(join(dir, 'audit-key.pem'), '');
    const { chmod } = await import('node:fs/promises');
    await chmod(join(dir, 'audit-key.pem'), 0o644);
    expect(await codeOf(openTestLog(dir))).toBe('AUDIT_KEY_FILE');
  });
});
