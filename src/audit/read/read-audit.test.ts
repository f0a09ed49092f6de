import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createScratch, openTestLog, testRecord } from '../testing/rig.ts';
import { type ReadAuditOptions, readAudit } from './read-audit.ts';

const scratch = createScratch();
afterAll(scratch.cleanUp);

async function callsOf(dir: string, options: ReadAuditOptions = {}): Promise<string[]> {
  const calls: string[] = [];
  for await (const { call } of readAudit(dir, options)) calls.push(call ?? '');
  return calls;
}

const names = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `cal_${from + i}`);

test('gives the records from a number on, over segments, without the log’s own lines', async () => {
  const dir = await scratch.dir();
  const log = await openTestLog(dir, { segmentBytes: 2000 });
  const seqs: number[] = [];
  for (let i = 0; i < 40; i++) seqs.push((await log.append(testRecord(i))).seq);
  expect(await callsOf(dir)).toEqual(names(0, 40));
  for (const i of [0, 1, 12, 39])
    expect(await callsOf(dir, { fromSeq: seqs[i]! })).toEqual(names(i, 40));
  expect(await callsOf(dir, { fromSeq: 1e6 })).toEqual([]);
  await log.close();
  expect(await callsOf(dir)).toEqual(names(0, 40));
});

test('gives the last records', async () => {
  const dir = await scratch.dir();
  const log = await openTestLog(dir, { segmentBytes: 2000 });
  for (let i = 0; i < 40; i++) await log.append(testRecord(i));
  for (const last of [1, 5, 23, 40, 99])
    expect(await callsOf(dir, { last })).toEqual(names(Math.max(0, 40 - last), 40));
  await log.close();
});

test('follows a running writer over new segments until it is told to stop', async () => {
  const dir = await scratch.dir();
  const log = await openTestLog(dir, { segmentBytes: 2000 });
  await log.append(testRecord(0));
  const stop = new AbortController();
  const got: string[] = [];
  const reading = (async () => {
    for await (const { call } of readAudit(dir, { follow: true, signal: stop.signal })) {
      got.push(call ?? '');
      if (got.length === 60) stop.abort();
    }
  })();
  for (let i = 1; i < 60; i++) await log.append(testRecord(i));
  await reading;
  expect(got).toEqual(names(0, 60));
  await log.close();
});

test('waits for a log that does not exist yet, and stops when told', async () => {
  const dir = join(await scratch.dir(), 'later');
  const stop = new AbortController();
  const reading = callsOf(dir, { follow: true, signal: stop.signal });
  stop.abort();
  expect(await reading).toEqual([]);
  expect(await callsOf(dir)).toEqual([]);
});

test('stops with an error at a record that was changed or removed', async () => {
  const dir = await scratch.dir();
  const log = await openTestLog(dir);
  for (let i = 0; i < 5; i++) await log.append(testRecord(i));
  await log.close();
  const path = join(dir, '0000000000000000.seg');
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('"call":"cal_2"', '"call":"cal_7"'));
  await expect(callsOf(dir)).rejects.toMatchObject({ code: 'AUDIT_CORRUPT' });
  await writeFile(path, text.split('\n').toSpliced(3, 1).join('\n'));
  await expect(callsOf(dir)).rejects.toMatchObject({ code: 'AUDIT_CORRUPT' });
  expect(await callsOf(dir, { fromSeq: 99 }).catch(() => 'bad')).toBe('bad');
});
