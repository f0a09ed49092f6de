/**
 * What a token may call, as RFC 9396 `authorization_details` of the type `agent_tool`. The files of this folder that
 * hold no service (`details`, `constraint`, `plain-path`, `subsume`, `meet`, `rights`) are pure and import only each other.
 */

import { isPlainPath } from './plain-path.ts';

export const DETAIL_TYPE = 'agent_tool';

export const MAX_DETAILS = 16;
export const MAX_TOOLS = 64;
export const MAX_ARGS = 16;
export const MAX_VALUES = 32;
export const MAX_TEXT = 256;
/** Of all details together, as JSON. Access tokens stay well below what headers may hold. */
export const MAX_DETAILS_LENGTH = 4096;
/** More levels than any chain can have. */
export const MAX_DELEGATE = 8;
const MAX_CALLS = 1_000_000_000;

export type Scalar = string | number | boolean;

/** What one argument may be: exactly one operator, except that `min` and `max` may come together. */
export type Constraint =
  | { readonly eq: Scalar }
  | { readonly in: readonly Scalar[] }
  /** A path and all below it: the match ends at a `/`. */
  | { readonly prefix: string }
  /** A path with `*` for any run of characters within one segment. */
  | { readonly pattern: string }
  | { readonly min: number; readonly max?: number }
  | { readonly max: number; readonly min?: number };

export interface AgentToolDetail {
  readonly type: typeof DETAIL_TYPE;
  readonly server: string;
  /** The server's own tool names, or `*` alone for all of them. */
  readonly tools: readonly string[];
  /** May the holder call the tools itself? */
  readonly use: boolean;
  /** Over how many levels may the holder hand the tools down? */
  readonly delegate: number;
  /** By name; a call must carry each, and each must hold. No prototype, so every name is an own one. */
  readonly args: Readonly<Record<string, Constraint>>;
  readonly limits?: { readonly calls: number };
}

export type DetailsOutcome =
  | { readonly ok: true; readonly details: readonly AgentToolDetail[] }
  | { readonly ok: false; readonly problem: string };

/** A problem found while reading; never leaves this file. */
class Refused extends Error {}
const refuse = (problem: string): never => {
  throw new Refused(problem);
};

const SERVER = /^[a-z0-9][a-z0-9-]{0,31}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]/;

/**
 * Reads a hostile value. The schema is closed: an unknown member, a fraction, a negative number or a second operator is a
 * refusal, because the comparisons of `subsume` are right only for well-formed details. Never throws. `problem` names the
 * place and never repeats a value.
 */
export function readDetails(value: unknown): DetailsOutcome {
  try {
    if (!Array.isArray(value)) return { ok: false, problem: 'it must be an array' };
    if (value.length === 0 || value.length > MAX_DETAILS)
      return { ok: false, problem: `it must have 1 to ${MAX_DETAILS} entries` };
    const details = value.map((item, index) => readDetail(item, `entry ${index + 1}`));
    if (JSON.stringify(details).length > MAX_DETAILS_LENGTH)
      return { ok: false, problem: `it is longer than ${MAX_DETAILS_LENGTH} characters` };
    return { ok: true, details: Object.freeze(details) };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, problem: error.message };
    throw error;
  }
}

function readDetail(value: unknown, at: string): AgentToolDetail {
  const detail = members(
    value,
    ['type', 'server', 'tools', 'use', 'delegate', 'args', 'limits'],
    at,
  );
  if (detail['type'] !== DETAIL_TYPE) return refuse(`${at}: the type must be ${DETAIL_TYPE}`);
  const { server, tools, use, delegate, args = {}, limits } = detail;
  if (typeof server !== 'string' || !SERVER.test(server))
    return refuse(`${at}: server must be the name of a server`);
  if (!Array.isArray(tools) || tools.length === 0 || tools.length > MAX_TOOLS)
    return refuse(`${at}: tools must have 1 to ${MAX_TOOLS} entries`);
  const names = [...new Set(tools.map((tool) => text(tool, `${at}: tools`)))];
  if (names.includes('*') && names.length > 1) return refuse(`${at}: * stands alone in tools`);
  if (typeof use !== 'boolean') return refuse(`${at}: use must be true or false`);
  const levels = integer(delegate, `${at}: delegate`);
  if (levels < 0 || levels > MAX_DELEGATE)
    return refuse(`${at}: delegate must be 0 to ${MAX_DELEGATE}`);
  return Object.freeze({
    type: DETAIL_TYPE,
    server,
    tools: Object.freeze(names),
    use,
    delegate: levels,
    args: readArgs(args, at),
    ...(limits === undefined ? {} : { limits: readLimits(limits, at) }),
  });
}

function readLimits(value: unknown, at: string): { readonly calls: number } {
  const calls = integer(members(value, ['calls'], `${at}: limits`)['calls'], `${at}: limits.calls`);
  if (calls < 1 || calls > MAX_CALLS)
    return refuse(`${at}: limits.calls must be 1 to ${MAX_CALLS}`);
  return Object.freeze({ calls });
}

function readArgs(value: unknown, at: string): Readonly<Record<string, Constraint>> {
  const entries = Object.entries(object(value, `${at}: args`));
  if (entries.length > MAX_ARGS) return refuse(`${at}: args has more than ${MAX_ARGS} names`);
  const args: Record<string, Constraint> = Object.create(null);
  for (const [name, constraint] of entries) {
    if (name === '__proto__') return refuse(`${at}: args must not name __proto__`);
    text(name, `${at}: args`);
    args[name] = readConstraint(constraint, `${at}: a constraint`);
  }
  return Object.freeze(args);
}

function readConstraint(value: unknown, at: string): Constraint {
  const found = members(value, ['eq', 'in', 'prefix', 'pattern', 'min', 'max'], at);
  const operators = Object.keys(found);
  const range = operators.every((operator) => operator === 'min' || operator === 'max');
  if (operators.length === 0 || (operators.length > 1 && !range))
    return refuse(`${at} has one operator, or min and max`);
  if (range) {
    const min = found['min'] === undefined ? undefined : integer(found['min'], `${at}: min`);
    const max = found['max'] === undefined ? undefined : integer(found['max'], `${at}: max`);
    if (min !== undefined && max !== undefined)
      return min > max ? refuse(`${at}: min is above max`) : Object.freeze({ min, max });
    if (min !== undefined) return Object.freeze({ min });
    return Object.freeze({ max: max ?? refuse(`${at}: max is missing`) });
  }
  if (Object.hasOwn(found, 'eq')) return Object.freeze({ eq: scalar(found['eq'], at) });
  if (Object.hasOwn(found, 'in')) {
    const values = found['in'];
    if (!Array.isArray(values) || values.length === 0 || values.length > MAX_VALUES)
      return refuse(`${at}: in must have 1 to ${MAX_VALUES} values`);
    return Object.freeze({ in: Object.freeze(values.map((one) => scalar(one, at))) });
  }
  const prefixed = Object.hasOwn(found, 'prefix');
  const path = text(found[prefixed ? 'prefix' : 'pattern'], at);
  if (!isPlainPath(path))
    return refuse(
      `${at}: a prefix or pattern is a plain path, without . and .. segments, backslash, % and empty segments`,
    );
  if (!prefixed) return Object.freeze({ pattern: path });
  return path.includes('*')
    ? refuse(`${at}: a prefix holds no *`)
    : Object.freeze({ prefix: path });
}

function scalar(value: unknown, at: string): Scalar {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return integer(value, at);
  if (value === '') return value;
  return text(value, at);
}

function integer(value: unknown, at: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value))
    return refuse(`${at} must be an integer`);
  // One zero: -0 would survive as a number that prints like no other.
  return value === 0 ? 0 : value;
}

function text(value: unknown, at: string): string {
  if (
    typeof value !== 'string' ||
    value === '' ||
    value.length > MAX_TEXT ||
    !value.isWellFormed() ||
    UNPRINTABLE.test(value)
  )
    return refuse(`${at} must be a printable string of 1 to ${MAX_TEXT} characters`);
  return value;
}

function object(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refuse(`${at} must be an object`);
  return value as Record<string, unknown>;
}

function members(
  value: unknown,
  known: readonly string[],
  at: string,
): Readonly<Record<string, unknown>> {
  const found = object(value, at);
  const own: Record<string, unknown> = Object.create(null);
  for (const [name, member] of Object.entries(found)) {
    if (!known.includes(name)) return refuse(`${at} has an unknown member`);
    if (member !== undefined) own[name] = member;
  }
  return own;
}
