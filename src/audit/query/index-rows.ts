import type { SqlRunner, SqlValue } from '../ports.ts';
import type { PlacedRecord } from '../read/read-audit.ts';
import { indexText } from './filter.ts';

const COLUMNS =
  'seq, hash, time, type, agent, user_name, server, method, target, effect, call_id, decision_id, session_id, task_id, trace_id, segment, place, bytes';
const COLUMN_COUNT = 18;
const ROW = `(${Array(COLUMN_COUNT).fill('?').join(', ')})`;

/** Rows per statement; one statement text, prepared once, serves all full groups. */
const GROUP = 25;

/** Inserts in groups; a record that is there already stays. */
export async function insertRows(tx: SqlRunner, records: readonly PlacedRecord[]): Promise<void> {
  for (let at = 0; at < records.length; at += GROUP) {
    const group = records.slice(at, at + GROUP);
    const rows = Array(group.length).fill(ROW).join(', ');
    await tx.run(
      `insert into audit_records (${COLUMNS}) values ${rows} on conflict (seq) do nothing`,
      group.flatMap(valuesOf),
    );
  }
}

/** What a log holds is not trusted to have the right types: anybody may have written the file. */
function valuesOf({ record, place }: PlacedRecord): SqlValue[] {
  return [
    record.seq,
    record.hash,
    Number.isSafeInteger(record.time) ? record.time : 0,
    text(record.type) ?? '',
    text(record.actor?.agent) ?? '',
    text(record.actor?.user),
    text(record.server),
    text(record.method),
    text(record.target),
    text(record.effect),
    text(record.call),
    text(record.decision),
    text(record.session),
    text(record.task),
    text(record.trace),
    place.segment,
    place.offset,
    place.bytes,
  ];
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? indexText(value) : null;
}
