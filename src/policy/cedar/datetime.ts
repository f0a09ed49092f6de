import { Duration } from './duration.ts';
import { fitsInt64 } from './int64.ts';

/** Milliseconds since the epoch, i64. */
export class Datetime {
  readonly kind = 'datetime';
  readonly ms: bigint;
  constructor(ms: bigint) {
    this.ms = ms;
  }
}

const SHAPE =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{3}))?(Z|[+-][0-9]{4}))?$/;
const DAY = 86_400_000n;

/** Cedar's literal forms: a date, or date and time with optional `.mmm` and `Z` or an offset `+hhmm`. */
export function parseDatetime(text: string): Datetime | undefined {
  const match = SHAPE.exec(text);
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index] ?? '0');
  const midnight = utcMidnight(part(1), part(2), part(3));
  if (midnight === undefined || part(4) > 23 || part(5) > 59 || part(6) > 59) return undefined;
  const zone = match[8] ?? 'Z';
  const offset = zone === 'Z' ? 0 : offsetMinutes(zone);
  if (offset === undefined) return undefined;
  const seconds = (part(4) * 60 + part(5)) * 60 + part(6);
  return new Datetime(BigInt(midnight + seconds * 1000 + part(7) - offset * 60_000));
}

/** `Date.UTC` would read the years 0 to 99 as 1900 to 1999. The round trip refuses the 30th of February. */
function utcMidnight(year: number, month: number, day: number): number | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const same =
    date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return same ? date.getTime() : undefined;
}

function offsetMinutes(zone: string): number | undefined {
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3));
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

/** undefined on overflow, like the functions below. */
export function offsetBy(value: Datetime, by: Duration): Datetime | undefined {
  const ms = value.ms + by.ms;
  return fitsInt64(ms) ? new Datetime(ms) : undefined;
}

export function durationSince(later: Datetime, earlier: Datetime): Duration | undefined {
  const ms = later.ms - earlier.ms;
  return fitsInt64(ms) ? new Duration(ms) : undefined;
}

/** The midnight at or before the instant. */
export function toDate(value: Datetime): Datetime | undefined {
  const ms = value.ms - timeOfDay(value);
  return fitsInt64(ms) ? new Datetime(ms) : undefined;
}

/** The time since that midnight; never negative. */
export function toTime(value: Datetime): Duration {
  return new Duration(timeOfDay(value));
}

function timeOfDay(value: Datetime): bigint {
  const rest = value.ms % DAY;
  return rest < 0n ? rest + DAY : rest;
}
