import { readDetails } from './details.ts';
import type { Counter, Rights } from './rights.ts';

const MAX_COUNTERS = 16;
const ID = /^[0-9a-z]{1,16}\.[A-Za-z0-9_]{1,64}$/;

/** Rights from stored JSON; undefined when anything about them is not as we write it. */
export function readRights(value: unknown): Rights | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { details, counters } = value as Record<string, unknown>;
  return rightsOf(details, counters);
}

/** Rights from the two claims of a token: `authorization_details` and `lim`, budgets as `[id, calls]` per detail. */
export function rightsFromClaims(details: unknown, lim: unknown): Rights | undefined {
  if (lim === undefined)
    return rightsOf(details, Array.isArray(details) ? details.map(() => []) : []);
  if (!Array.isArray(lim)) return undefined;
  return rightsOf(
    details,
    lim.map((list: unknown) =>
      Array.isArray(list)
        ? list.map((one: unknown) => (Array.isArray(one) ? { id: one[0], calls: one[1] } : one))
        : list,
    ),
  );
}

/** The claims `rightsFromClaims` reads. */
export function claimsOfRights(rights: Rights): Readonly<Record<string, unknown>> {
  const limited = rights.counters.some((list) => list.length > 0);
  return {
    authorization_details: rights.details,
    ...(limited
      ? { lim: rights.counters.map((list) => list.map(({ id, calls }) => [id, calls])) }
      : {}),
  };
}

function rightsOf(rawDetails: unknown, rawCounters: unknown): Rights | undefined {
  const read = readDetails(rawDetails);
  if (!read.ok || !Array.isArray(rawCounters) || rawCounters.length !== read.details.length)
    return undefined;
  const counters: Counter[][] = [];
  for (const list of rawCounters as unknown[]) {
    if (!Array.isArray(list) || list.length > MAX_COUNTERS) return undefined;
    const found: Counter[] = [];
    for (const one of list as unknown[]) {
      if (typeof one !== 'object' || one === null) return undefined;
      const { id, calls } = one as Record<string, unknown>;
      if (typeof id !== 'string' || !ID.test(id)) return undefined;
      if (typeof calls !== 'number' || !Number.isSafeInteger(calls) || calls < 1) return undefined;
      found.push({ id, calls });
    }
    counters.push(found);
  }
  return Object.freeze({ details: read.details, counters: Object.freeze(counters) });
}
