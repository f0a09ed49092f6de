import { AppError } from '../../kernel/index.ts';
import type { AuditType } from '../model.ts';
import type { SqlValue } from '../ports.ts';

/** Every field given must match exactly; times are milliseconds since the epoch. */
export interface AuditFilter {
  readonly type?: AuditType;
  readonly agent?: string;
  readonly user?: string;
  readonly server?: string;
  readonly method?: string;
  readonly target?: string;
  readonly effect?: string;
  readonly call?: string;
  readonly decision?: string;
  readonly session?: string;
  readonly task?: string;
  readonly trace?: string;
  /** Earliest time, included. */
  readonly since?: number;
  /** Latest time, excluded. */
  readonly until?: number;
}

export interface AuditPage {
  /** `newest` first by default. */
  readonly order?: 'newest' | 'oldest';
  /** 1 to {@link MAX_PAGE}; 50 by default. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly after?: number;
}

export const MAX_PAGE = 500;
const MAX_VALUE_LENGTH = 4096;

const COLUMNS = {
  type: 'type',
  agent: 'agent',
  user: 'user_name',
  server: 'server',
  method: 'method',
  target: 'target',
  effect: 'effect',
  call: 'call_id',
  decision: 'decision_id',
  session: 'session_id',
  task: 'task_id',
  trace: 'trace_id',
} as const;

export interface PageQuery {
  readonly sql: string;
  readonly values: readonly SqlValue[];
  readonly limit: number;
}

/**
 * The statement for one page, by key rather than by offset, so that a page costs the same wherever
 * it is. Values are bound, names come from the table above only.
 *
 * @throws AppError `AUDIT_BAD_QUERY`
 */
export function pageQuery(filter: AuditFilter, page: AuditPage): PageQuery {
  const { order = 'newest', limit = 50, after } = page;
  if (order !== 'newest' && order !== 'oldest') throw invalid('order is newest or oldest');
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_PAGE)
    throw invalid(`limit is from 1 to ${MAX_PAGE}`);
  const where: string[] = [];
  const values: SqlValue[] = [];
  const add = (condition: string, value: SqlValue): void => {
    where.push(condition);
    values.push(value);
  };
  for (const [name, column] of Object.entries(COLUMNS)) {
    const value = filter[name as keyof typeof COLUMNS];
    if (value === undefined) continue;
    if (typeof value !== 'string' || value.length > MAX_VALUE_LENGTH)
      throw invalid(`${name} is a text of at most ${MAX_VALUE_LENGTH} characters`);
    add(`${column} = ?`, indexText(value));
  }
  for (const [name, sign] of [
    ['since', '>='],
    ['until', '<'],
  ] as const) {
    const value = filter[name];
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value)) throw invalid(`${name} is a time in milliseconds`);
    add(`time ${sign} ?`, value);
  }
  if (after !== undefined) {
    if (!Number.isSafeInteger(after)) throw invalid('the page is unknown');
    add(order === 'newest' ? 'seq < ?' : 'seq > ?', after);
  }
  const condition = where.length === 0 ? '' : ` where ${where.join(' and ')}`;
  const direction = order === 'newest' ? 'desc' : 'asc';
  // One more than asked for tells whether there is a next page.
  const sql = `select seq, hash, segment, place, bytes from audit_records${condition} order by seq ${direction} limit ?`;
  return { sql, values: [...values, limit + 1], limit };
}

const INDEX_TEXT_LENGTH = 512;

/** A text as it is stored in the index: databases take neither U+0000 nor lone surrogates. */
export function indexText(text: string): string {
  return text.slice(0, INDEX_TEXT_LENGTH).replaceAll('\0', '\ufffd').toWellFormed();
}

function invalid(problem: string): AppError {
  return new AppError('AUDIT_BAD_QUERY', { params: { problem } });
}
