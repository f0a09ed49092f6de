import {
  Datetime,
  EntityUid,
  OTHER,
  PartialRecord,
  type PartialValue,
  Unknown,
} from '../cedar/index.ts';
import type { ActionKind } from '../model.ts';

const SOMETHING = new Unknown(OTHER);
const ANY_RECORD = new PartialRecord(new Map(), true);
const DAY = 86_400_000;

export interface KnownSession {
  readonly now?: number;
  readonly method?: string;
  readonly transport?: string;
  readonly era?: string;
  readonly approved?: boolean;
  /** `null`: there surely is none. Absent: not known. */
  readonly user?: string | null;
  readonly sessionId?: string | null;
}

/**
 * The context of a call whose arguments are not known, in the shape that the schema promises: `input` and the views
 * are records with any members, the session's required members exist even when their values are not known.
 */
export function unknownContext(kind: ActionKind, known: KnownSession): PartialRecord {
  const { now, method, transport, era, approved, user, sessionId } = known;
  const session = new Map<string, PartialValue>([
    ['now', now === undefined ? SOMETHING : new Datetime(BigInt(Math.trunc(now)))],
    ['weekday', now === undefined ? SOMETHING : weekday(now)],
    ['transport', transport ?? SOMETHING],
    ['era', era ?? SOMETHING],
    ['method', method ?? SOMETHING],
    ['approved', approved ?? new Unknown(1 | 2)],
    ['extraArgs', SOMETHING],
  ]);
  if (typeof user === 'string') session.set('onBehalfOf', new EntityUid('User', user));
  if (typeof sessionId === 'string') session.set('id', sessionId);
  const closed = user !== undefined && sessionId !== undefined;
  const fields = new Map<string, PartialValue>([['session', new PartialRecord(session, !closed)]]);
  if (kind === 'tool' || kind === 'resource')
    for (const name of ['input', 'paths', 'urls']) fields.set(name, ANY_RECORD);
  return new PartialRecord(fields, false);
}

function weekday(now: number): number {
  return ((((Math.floor(now / DAY) + 3) % 7) + 7) % 7) + 1;
}
