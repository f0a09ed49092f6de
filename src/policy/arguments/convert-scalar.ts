import { type Datetime, parseDatetime } from '../cedar/datetime.ts';
import { type Decimal, parseDecimal } from '../cedar/decimal.ts';
import { fitsInt64, toLong } from '../cedar/int64.ts';
import { type IpAddress, parseIpAddress } from '../cedar/ip-address.ts';
import type { Long } from '../cedar/values.ts';
import type { JsonValue } from '../model.ts';

/** An i64. A number with a fraction, or beyond 2^53 where a double is no longer exact, is refused. */
export function readLong(value: JsonValue): Long | undefined {
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? (Object.is(value, -0) ? 0 : value) : undefined;
  return typeof value === 'bigint' && fitsInt64(value) ? toLong(value) : undefined;
}

const EXPONENT = /^(-?)([0-9])(?:\.([0-9]+))?e([+-])([0-9]{1,3})$/;

/** Exact to four decimals; more decimals, infinities and numbers beyond the range are refused, never rounded. */
export function readDecimal(value: JsonValue): Decimal | undefined {
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined;
  const text = String(value);
  // Doubles print with an exponent only below 1e-6 (too many decimals) and from 1e21 on (out of range).
  if (EXPONENT.test(text)) return undefined;
  return parseDecimal(text.includes('.') ? text : `${text}.0`);
}

const RFC3339 =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:?[0-9]{2}))?$/;

/**
 * RFC 3339 date or date-time as a Cedar datetime. Cedar counts milliseconds: finer fractions are cut, as a clock
 * that ticks in milliseconds would read them.
 */
export function readDatetime(value: JsonValue): Datetime | undefined {
  if (typeof value !== 'string' || value.length > 40) return undefined;
  const match = RFC3339.exec(value);
  if (match === null) return undefined;
  const [, date = '', time, fraction = '', zone = 'Z'] = match;
  if (time === undefined) return parseDatetime(date);
  const offset = zone.toUpperCase().replace(':', '');
  return parseDatetime(`${date}T${time}.${fraction.slice(0, 3).padEnd(3, '0')}${offset}`);
}

export function readIp(value: JsonValue): IpAddress | undefined {
  return typeof value === 'string' && value.length <= 64 ? parseIpAddress(value) : undefined;
}
