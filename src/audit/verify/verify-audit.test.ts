import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { frameBody, frameHash, frameLine, parseFrame } from '../format/frame.ts';
import {
  createScratch,
  type LogFiles,
  linesOf,
  openTestLog,
  readLog,
  segmentsOf,
  testRecord,
  writeLog,
} from '../testing/rig.ts';
import type { VerifyOptions, VerifyReport } from './problem.ts';
import { verifyAudit, verifyAuditSteps } from './verify-audit.ts';

const scratch = createScratch();
let whole: LogFiles;
let publicKey: string;
let lastSeq: number;

beforeAll(async () => {
  const dir = await scratch.dir();
  const log = await openTestLog(dir, { segmentBytes: 3000, maxBatch: 4 });
  for (let i = 0; i < 45; i++) await log.append(testRecord(i));
  await log.close();
  lastSeq = log.head().seq;
  publicKey = log.publicKey;
  whole = await readLog(dir);
});
afterAll(scratch.cleanUp);

/** Every line of the log in order, with its segment. */
function allLines(files: LogFiles): { name: string; bytes: Buffer }[] {
  return segmentsOf(files).flatMap((name) =>
    linesOf(files.get(name)!).map((bytes) => ({ name, bytes })),
  );
}

function fromLines(files: LogFiles, lines: readonly { name: string; bytes: Buffer }[]): LogFiles {
  const out: LogFiles = new Map(files);
  for (const name of segmentsOf(files))
    out.set(name, Buffer.concat(lines.filter((l) => l.name === name).map((l) => l.bytes)));
  return out;
}

async function check(files: LogFiles, options: VerifyOptions = {}): Promise<VerifyReport> {
  const dir = await scratch.dir();
  await writeLog(dir, files);
  const report = await verifyAudit(dir, { publicKey, ...options });
  await rm(dir, { recursive: true });
  return report;
}

const seqs = (): fc.Arbitrary<number> => fc.integer({ min: 0, max: lastSeq });

describe('a log that was not touched', () => {
  test('verifies, with several segments and every record signed', async () => {
    expect(segmentsOf(whole).length).toBeGreaterThan(4);
    const report = await check(whole);
    expect(report).toMatchObject({
      ok: true,
      records: lastSeq + 1,
      signedSeq: lastSeq,
      closed: true,
      problem: undefined,
      key: { given: true },
    });
    expect(report.head?.seq).toBe(lastSeq);
  });

  test('tells its progress before its result', async () => {
    const dir = await scratch.dir();
    await writeLog(dir, whole);
    const types: string[] = [];
    for await (const step of verifyAuditSteps(dir)) types.push(step.type);
    expect(types.at(-1)).toBe('result');
    expect(types.length).toBeGreaterThan(segmentsOf(whole).length);
  });

  test('says that nobody vouched for the key when none was given', async () => {
    const dir = await scratch.dir();
    await writeLog(dir, whole);
    expect((await verifyAudit(dir)).key?.given).toBe(false);
  });

  test('does not pass for the log of another key', async () => {
    const other = await openTestLog(await scratch.dir(), {
      signer: { keyId: 'x', publicKey: 'A'.repeat(43), sign: () => new Uint8Array(64) },
    });
    await other.close();
    const report = await check(whole, { publicKey: 'A'.repeat(43) });
    expect(report.problem).toMatchObject({ kind: 'bad_signature', seq: 0 });
  });
});

describe('the first bad record is named when', () => {
  test('any bit of any record flips', async () => {
    await fc.assert(
      fc.asyncProperty(seqs(), fc.nat(), fc.integer({ min: 0, max: 7 }), async (seq, at, bit) => {
        const lines = allLines(whole);
        const bytes = Buffer.from(lines[seq]!.bytes);
        const index = at % bytes.length;
        bytes[index] = bytes[index]! ^ (1 << bit);
        lines[seq] = { name: lines[seq]!.name, bytes };
        const report = await check(fromLines(whole, lines));
        expect(report.problem?.seq).toBe(seq);
        expect(report.records).toBe(seq);
        expect(['bit_flip', 'torn_tail']).toContain(report.problem?.kind);
        expect(report.problem?.file).toBe(lines[seq]!.name);
      }),
      { numRuns: 150 },
    );
  });

  test('the log is cut anywhere', async () => {
    const lines = allLines(whole);
    await fc.assert(
      fc.asyncProperty(seqs(), fc.nat(), async (seq, at) => {
        const line = lines[seq]!;
        const rest = line.bytes.subarray(0, at % line.bytes.length);
        const kept = [...lines.slice(0, seq), { name: line.name, bytes: rest }];
        const files = fromLines(whole, kept);
        for (const name of segmentsOf(whole)) if (name > line.name) files.delete(name);
        const report = await check(files);
        expect(report.problem?.seq).toBe(seq);
        expect(report.problem?.kind).toBe(rest.length === 0 ? 'cut_tail' : 'torn_tail');
      }),
      { numRuns: 60 },
    );
  });

  test('a record is removed', async () => {
    await fc.assert(
      fc.asyncProperty(seqs(), async (seq) => {
        const lines = allLines(whole);
        lines.splice(seq, 1);
        const report = await check(fromLines(whole, lines));
        expect(report.problem?.seq).toBe(seq);
        expect(report.problem?.kind).toBe(seq === lastSeq ? 'cut_tail' : 'removed');
      }),
      { numRuns: 60 },
    );
  });

  test('two records are swapped', async () => {
    await fc.assert(
      fc.asyncProperty(seqs(), seqs(), async (a, b) => {
        fc.pre(a !== b);
        const lines = allLines(whole);
        const [left, right] = [lines[a]!, lines[b]!];
        lines[a] = { name: left.name, bytes: right.bytes };
        lines[b] = { name: right.name, bytes: left.bytes };
        const report = await check(fromLines(whole, lines));
        expect(report.problem).toMatchObject({ seq: Math.min(a, b), kind: 'reordered' });
      }),
      { numRuns: 60 },
    );
  });

  test('a copy of a record is put anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(seqs(), seqs(), async (from, before) => {
        const lines = allLines(whole);
        fc.pre(from !== before);
        lines.splice(before, 0, { name: lines[before]!.name, bytes: lines[from]!.bytes });
        const report = await check(fromLines(whole, lines));
        expect(report.problem?.seq).toBe(before);
        expect(['inserted', 'removed', 'reordered']).toContain(report.problem?.kind);
      }),
      { numRuns: 60 },
    );
  });

  test('a segment is removed, or two are swapped', async () => {
    const names = segmentsOf(whole);
    for (const [index, name] of names.entries()) {
      const files = new Map(whole);
      files.delete(name);
      const kind = index === names.length - 1 ? 'cut_tail' : 'removed';
      expect((await check(files)).problem).toMatchObject({ kind, seq: Number(name.slice(0, 16)) });
    }
    const swapped = new Map(whole);
    swapped.set(names[1]!, whole.get(names[3]!)!);
    swapped.set(names[3]!, whole.get(names[1]!)!);
    const { problem } = await check(swapped);
    expect(problem).toMatchObject({ kind: 'reordered', seq: Number(names[1]!.slice(0, 16)) });
  });

  test('a segment stands there twice, under another name', async () => {
    const [first = '', second = ''] = segmentsOf(whole);
    const files = new Map(whole);
    files.set(
      `${String(Number(second.slice(0, 16)) - 1).padStart(16, '0')}.seg`,
      whole.get(first)!,
    );
    const report = await check(files);
    expect(report.problem).toMatchObject({
      kind: 'inserted',
      seq: Number(second.slice(0, 16)),
    });
  });

  test('any byte of the signed head changes', async () => {
    const head = whole.get('head.json')!;
    for (let index = 0; index < head.length; index += 3) {
      const bytes = Buffer.from(head);
      bytes[index] = bytes[index]! ^ 1;
      const report = await check(new Map(whole).set('head.json', bytes));
      expect(report.ok, `byte ${index}`).toBe(false);
    }
    const gone = new Map(whole);
    gone.delete('head.json');
    expect((await check(gone)).problem?.kind).toBe('bad_signature');
  });
});

describe('somebody without the key who makes the hashes fit', () => {
  /** Writes the chain anew from record `from` on, after `change`. */
  function forge(from: number, change: (payload: string) => string): LogFiles {
    const lines = allLines(whole);
    let prev = '';
    const forged = lines.map(({ name, bytes }, seq) => {
      const frame = parseFrame(bytes.subarray(0, -1))!;
      const payload = seq === from ? change(frame.payload()) : frame.payload();
      const body = frameBody(
        seq,
        seq < from ? frame.prev : prev || frame.prev,
        frame.kind,
        payload,
      );
      prev = frameHash(body);
      return { name, bytes: Buffer.from(frameLine(body, prev)) };
    });
    return fromLines(whole, forged);
  }
  const edit = (payload: string): string => payload.replace('"effect":"deny"', '"effect":"allow"');

  test('does not change the log when changing nothing, so that the next tests mean something', async () => {
    expect((await check(forge(5, (payload) => payload))).ok).toBe(true);
  });

  test('is found out by the next signature, which bounds where the change is', async () => {
    const target = allLines(whole).findIndex(
      ({ bytes }, i) => i > 15 && bytes.includes('"effect":"deny"'),
    );
    const report = await check(forge(target, edit));
    expect(report.problem?.kind).toBe('rewritten');
    expect(report.problem?.seq).toBeLessThanOrEqual(target);
    expect(report.problem?.seq).toBe((report.signedSeq ?? 0) + 1);
    expect(target - (report.problem?.seq ?? 0)).toBeLessThanOrEqual(10);
  });

  test('is found out when only one line was made to fit', async () => {
    const lines = allLines(whole);
    const frame = parseFrame(lines[17]!.bytes.subarray(0, -1))!;
    const body = frameBody(17, frame.prev, 'record', '{"type":"decision","forged":true}');
    lines[17] = {
      name: lines[17]!.name,
      bytes: Buffer.from(frameLine(body, frameHash(body))),
    };
    const report = await check(fromLines(whole, lines));
    expect(report.problem).toMatchObject({ kind: 'rewritten', seq: 17 });
  });

  test('cannot add a record after a clean end', async () => {
    const last = allLines(whole).at(-1)!;
    const tip = parseFrame(last.bytes.subarray(0, -1))!;
    const body = frameBody(tip.seq + 1, tip.hash, 'record', '{"type":"admin"}');
    const files = new Map(whole);
    const line = Buffer.from(frameLine(body, frameHash(body)));
    files.set(last.name, Buffer.concat([whole.get(last.name)!, line]));
    expect((await check(files)).problem).toMatchObject({ kind: 'inserted', seq: tip.seq + 1 });
    files.set(last.name, Buffer.concat([whole.get(last.name)!, Buffer.from('x')]));
    expect((await check(files)).problem).toMatchObject({ kind: 'inserted', seq: tip.seq + 1 });
  });

  test('cannot cut the tail back to a checkpoint and pass its signature off as the head', async () => {
    const lines = allLines(whole);
    const at = lines.findIndex(({ bytes }, i) => i > 12 && bytes.includes('"checkpoint":'));
    const frame = parseFrame(lines[at]!.bytes.subarray(0, -1))!;
    const checkpoint = JSON.parse(frame.payload());
    const head = JSON.parse(whole.get('head.json')!.toString());
    const files = fromLines(whole, lines.slice(0, at));
    for (const name of segmentsOf(files)) if (files.get(name)!.length === 0) files.delete(name);
    const forged = {
      ...head,
      seq: at - 1,
      hash: frame.prev,
      time: checkpoint.time,
      sig: checkpoint.sig,
    };
    files.set('head.json', Buffer.from(`${JSON.stringify(forged)}\n`));
    expect((await check(files)).problem?.kind).toBe('bad_signature');
  });

  test('cannot undo records with an old copy of everything when a receipt was kept elsewhere', async () => {
    const dir = await scratch.dir();
    let log = await openTestLog(dir);
    await log.append(testRecord(1));
    await log.close();
    const old = await readLog(dir);
    log = await openTestLog(dir);
    const receipt = await log.append(testRecord(2));
    await log.close();
    const key = log.publicKey;
    expect((await verifyAudit(dir, { publicKey: key, expect: [receipt] })).ok).toBe(true);
    // The baseline: without the receipt an old copy is a good log.
    expect((await check(old, { publicKey: key })).ok).toBe(true);
    const report = await check(old, { publicKey: key, expect: [receipt] });
    expect(report.problem).toMatchObject({ kind: 'cut_tail', seq: receipt.seq });
  });
});

describe('hostile directories', () => {
  test('nothing, and nothing but a head', async () => {
    expect((await verifyAudit(join(await scratch.dir(), 'none'))).problem?.kind).toBe('no_log');
    const files: LogFiles = new Map([['head.json', whole.get('head.json')!]]);
    expect((await check(files)).problem).toMatchObject({ kind: 'cut_tail', seq: 0 });
  });

  test('a line without an end is given up at a bound', async () => {
    const files = new Map(whole);
    const name = segmentsOf(whole)[1]!;
    files.set(name, Buffer.alloc(5 * 1024 * 1024, 'x'));
    const { problem } = await check(files);
    expect(problem).toMatchObject({ kind: 'bit_flip', seq: Number(name.slice(0, 16)) });
  });

  test('links and directories in place of segments are not followed', async () => {
    const dir = await scratch.dir();
    const [first = '', second = ''] = segmentsOf(whole);
    await writeFile(join(dir, first), whole.get(first)!);
    await symlink(join(dir, first), join(dir, second));
    expect((await verifyAudit(dir)).problem?.seq).toBe(Number(second.slice(0, 16)));
    await rm(join(dir, second));
    await mkdir(join(dir, second));
    expect((await verifyAudit(dir)).problem?.seq).toBe(Number(second.slice(0, 16)));
  });

  test('any bytes at all give a report', async () => {
    const name = segmentsOf(whole)[0]!;
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(), async (noise, at) => {
        const bytes = Buffer.from(whole.get(name)!);
        const place = at % bytes.length;
        fc.pre(noise.length > 0 && !bytes.subarray(place, place + noise.length).equals(noise));
        const mixed = Buffer.concat([
          bytes.subarray(0, place),
          noise,
          bytes.subarray(place + noise.length),
        ]);
        expect((await check(new Map(whole).set(name, mixed))).ok).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

test('verifies beside a running writer, which may be within a line', async () => {
  const dir = await scratch.dir();
  const log = await openTestLog(dir, { segmentBytes: 3000 });
  for (let i = 0; i < 15; i++) await log.append(testRecord(i));
  const files = await readLog(dir);
  const name = segmentsOf(files).at(-1)!;
  files.set(name, Buffer.concat([files.get(name)!, Buffer.from('{"seq":99,"pr')]));
  const report = await check(files, { publicKey: log.publicKey });
  expect(report).toMatchObject({ ok: true, closed: false, partialBytes: 13 });
  await log.close();
});
