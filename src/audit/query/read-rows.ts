import type { FileHandle } from 'node:fs/promises';
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
 * The records that index rows point at, each checked against its row's hash: neither a changed index
 * nor a changed log gives a record that was not written. Opens each segment once.
 *
 * @throws AppError `AUDIT_CORRUPT`
 */
export async function readRows(dir: string, rows: readonly SqlRow[]): Promise<StoredRecord[]> {
  const handles = new Map<number, FileHandle>();
  try {
    const records: StoredRecord[] = [];
    for (const row of rows) {
      const segment = Number(row['segment']);
      let handle = handles.get(segment);
      if (handle === undefined) {
        if (!Number.isSafeInteger(segment) || segment < 0) throw corrupt(row);
        handle = await openSegment(join(dir, segmentName(segment)));
        if (handle === undefined) throw corrupt(row);
        handles.set(segment, handle);
      }
      records.push(await readRow(handle, row));
    }
    return records;
  } finally {
    for (const handle of handles.values()) await handle.close();
  }
}

async function readRow(handle: FileHandle, row: SqlRow): Promise<StoredRecord> {
  const [place, bytes] = [Number(row['place']), Number(row['bytes'])];
  const sane = [place, bytes].every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!sane || bytes > MAX_LINE_BYTES) throw corrupt(row);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, place);
  const frame = bytesRead === bytes ? parseFrame(buffer) : undefined;
  if (frame?.kind !== 'record' || frame.seq !== Number(row['seq']) || frame.hash !== row['hash'])
    throw corrupt(row);
  const record = parseObject(frame.payload());
  if (record === undefined) throw corrupt(row);
  return { ...(record as unknown as AuditRecord), seq: frame.seq, hash: frame.hash };
}

function corrupt(row: SqlRow): AppError {
  const problem = `record ${Number(row['seq'])} is not where the index says`;
  return new AppError('AUDIT_CORRUPT', { params: { problem } });
}
