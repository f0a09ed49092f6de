import { safeText } from '../../output/safe-text.ts';

/** The fields of a record that one line shows; records of the API and of the log have them alike. */
export interface ShownRecord {
  readonly seq: number;
  readonly time: number;
  readonly type: string;
  readonly [field: string]: unknown;
}

export const HEAD = ['SEQ', 'TIME', 'TYPE', 'AGENT', 'EFFECT', 'WHAT'] as const;

/** One record as a row. Everything in it may have been chosen by an agent or a server. */
export function recordRow(record: ShownRecord): string[] {
  const actor = (record['actor'] ?? {}) as { agent?: string; user?: string; channel?: string };
  const detail = (record['detail'] ?? {}) as {
    action?: string;
    reason?: string;
    reasons?: readonly { message?: string }[];
  };
  const who =
    actor.agent !== undefined && actor.agent !== ''
      ? actor.agent
      : (actor.user ?? actor.channel ?? '');
  const what = [record['server'], record['method'], record['target'], detail.action]
    .filter((part) => typeof part === 'string' && part !== '')
    .join(' ');
  const why = detail.reasons?.[0]?.message ?? (record.type === 'admin' ? detail.reason : undefined);
  return [
    String(record.seq),
    new Date(record.time).toISOString().replace('T', ' ').slice(0, 19),
    record.type,
    who,
    String(record['effect'] ?? ''),
    why === undefined ? what : `${what} – ${why}`,
  ].map((cell) => safeText(String(cell)));
}
