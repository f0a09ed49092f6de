import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { AuditReceipt } from '../model.ts';
import { createScratch, openTestLog, testRecord } from '../testing/rig.ts';
import { verifyAudit } from '../verify/verify-audit.ts';

const scratch = createScratch();
afterAll(scratch.cleanUp);

const CHILD = join(import.meta.dirname, '../testing/appending-child.ts');

/** Runs a writer in a process of its own and kills it after so many acknowledged records. */
async function killAfter(dir: string, acknowledged: number): Promise<AuditReceipt[]> {
  const child = spawn(process.execPath, [CHILD, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const receipts: AuditReceipt[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [seq, hash] = line.split(' ');
      if (hash !== undefined) receipts.push({ seq: Number(seq), hash });
    }
    if (receipts.length >= acknowledged) child.kill('SIGKILL');
  });
  await new Promise((resolve) => child.once('close', resolve));
  return receipts;
}

test('kill -9 at any moment loses no acknowledged record, and the next start goes on', async () => {
  const dir = await scratch.dir();
  const acknowledged: AuditReceipt[] = [];
  for (const count of [1, 90, 333, 47, 700]) {
    const receipts = await killAfter(dir, count);
    expect(receipts.length).toBeGreaterThanOrEqual(count);
    acknowledged.push(...receipts);
    const report = await verifyAudit(dir, { expect: acknowledged });
    expect(report.problem).toBeUndefined();
  }
  // The killed process left no lock behind.
  const { createAuditLog } = await import('./create-audit-log.ts');
  const { systemClock, systemRandom } = await import('../../kernel/index.ts');
  const log = await createAuditLog({ dir, clock: systemClock, random: systemRandom });
  acknowledged.push(await log.append(testRecord(0)));
  await log.close();
  const report = await verifyAudit(dir, { expect: acknowledged });
  expect(report).toMatchObject({ ok: true, closed: true });
  expect(new Set(acknowledged.map(({ seq }) => seq)).size).toBe(acknowledged.length);
}, 60_000);

test('a writer in another process keeps this one out until it dies', async () => {
  const dir = await scratch.dir();
  const child = spawn(process.execPath, [CHILD, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.stdout.resume();
  await expect(openTestLog(dir), 'held by another process').rejects.toMatchObject({
    code: 'AUDIT_LOCKED',
  });
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('close', resolve));
  const { createAuditLog } = await import('./create-audit-log.ts');
  const { systemClock, systemRandom } = await import('../../kernel/index.ts');
  const log = await createAuditLog({ dir, clock: systemClock, random: systemRandom });
  await log.close();
  expect((await verifyAudit(dir)).ok).toBe(true);
}, 30_000);
