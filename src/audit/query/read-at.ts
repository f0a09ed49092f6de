import { join } from 'node:path';
import { AppError } from '../../kernel/index.ts';
import { parseFrame } from '../format/frame.ts';
import { MAX_LINE_BYTES } from '../format/limits.ts';
import { openSegment, segmentName } from '../format/segments.ts';
import { parseObject } from '../format/statements.ts';
import type { AuditRecord } from '../model.ts';
import type { SqlRow } from '../ports.ts';
import type { StoredRecord } from '../read/read-audit.ts';

/**
 * The record that an index row points at, checked against the row's hash: neither a changed index nor
 * a changed log gives a record that was not written.
 *
 * @throws AppError `AUDIT_CORRUPT`
 */
export async function readAt(dir: string, row: SqlRow): Promise<StoredRecord> {
  const [seq, segment, place, bytes] = ['seq', 'segment', 'place', 'bytes'].map((name) =>
    Number(row[name]),
  ) as [number, number, number, number];
  const numbers = [seq, segment, place, bytes];
  const sane = numbers.every((n) => Number.isSafeInteger(n) && n >= 0) && bytes <= MAX_LINE_BYTES;
  const handle = sane ? await openSegment(join(dir, segmentName(segment))) : undefined;
  if (handle === undefined) throw corrupt(seq);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, place);
    const frame = bytesRead === bytes ? parseFrame(buffer) : undefined;
    if (frame === undefined || frame.seq !== seq || frame.hash !== row['hash']) throw corrupt(seq);
    const record = frame.kind === 'record' ? parseObject(frame.payload()) : undefined;
    if (record === undefined) throw corrupt(seq);
    return { ...(record as unknown as AuditRecord), seq, hash: frame.hash };
  } finally {
    await handle.close();
  }
}

function corrupt(seq: number): AppError {
  const problem = `record ${seq} is not where the index says`;
  return new AppError('AUDIT_CORRUPT', { params: { problem } });
}
