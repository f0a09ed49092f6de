import type { Constraint, Scalar } from './details.ts';
import { isPlainPath } from './plain-path.ts';

/** Longest string an argument under `prefix` or `pattern` may have. */
const MAX_PATH = 4096;

/**
 * Does the argument's value satisfy the constraint? Only strings, booleans and integers can; a bigint stands for an
 * integer beyond 2^53. Lists, objects, null and fractions never do.
 */
export function admits(constraint: Constraint, value: unknown): boolean {
  if ('eq' in constraint) return same(constraint.eq, value);
  if ('in' in constraint) return constraint.in.some((one) => same(one, value));
  if ('prefix' in constraint || 'pattern' in constraint) {
    if (typeof value !== 'string' || value.length > MAX_PATH || !isPlainPath(value)) return false;
    return 'prefix' in constraint
      ? isUnder(constraint.prefix, value)
      : matches(constraint.pattern, value);
  }
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isSafeInteger(value)))
    return false;
  const { min, max } = constraint;
  return (min === undefined || value >= min) && (max === undefined || value <= max);
}

/**
 * True only when every value that `child` admits is admitted by `parent`. Sound and deliberately incomplete: pairs that
 * would need thought (a prefix below a pattern) are refused.
 */
export function impliesConstraint(parent: Constraint, child: Constraint): boolean {
  if ('eq' in child) return admits(parent, child.eq);
  if ('in' in child) return child.in.every((value) => admits(parent, value));
  if ('prefix' in child) return 'prefix' in parent && isUnder(parent.prefix, child.prefix);
  if ('pattern' in child) {
    if ('prefix' in parent) return isUnder(parent.prefix, fixedStart(child.pattern));
    return 'pattern' in parent && impliesPattern(parent.pattern, child.pattern);
  }
  if ('eq' in parent || 'in' in parent || 'prefix' in parent || 'pattern' in parent) return false;
  const { min, max } = child;
  return (
    (parent.min === undefined || (min !== undefined && min >= parent.min)) &&
    (parent.max === undefined || (max !== undefined && max <= parent.max))
  );
}

function same(wanted: Scalar, value: unknown): boolean {
  return typeof value === typeof wanted && value === wanted;
}

/** `acme` and `acme/` hold `acme/x`; neither holds `acme-evil/x`. Both texts are plain paths. */
function isUnder(prefix: string, value: string): boolean {
  if (prefix.endsWith('/')) return value.startsWith(prefix);
  return value === prefix || value.startsWith(`${prefix}/`);
}

/** The part of a pattern that every match begins with: whole segments before the first wildcard. */
function fixedStart(pattern: string): string {
  const star = pattern.indexOf('*');
  return star < 0 ? pattern : pattern.slice(0, pattern.lastIndexOf('/', star) + 1);
}

/** Segment by segment, so that `*` never crosses a `/`. Each step only moves forward: no backtracking. */
function matches(pattern: string, value: string): boolean {
  const wanted = pattern.split('/');
  const found = value.split('/');
  return (
    wanted.length === found.length &&
    wanted.every((segment, index) => matchesSegment(segment, found[index] ?? ''))
  );
}

function matchesSegment(pattern: string, value: string): boolean {
  const pieces = pattern.split('*');
  const first = pieces[0] ?? '';
  const last = pieces.at(-1) ?? '';
  if (pieces.length === 1) return value === first;
  if (value.length < first.length + last.length) return false;
  if (!value.startsWith(first) || !value.endsWith(last)) return false;
  const end = value.length - last.length;
  let from = first.length;
  // The earliest place of each piece leaves the most room for the rest.
  for (const piece of pieces.slice(1, -1)) {
    const at = value.indexOf(piece, from);
    if (at < 0 || at + piece.length > end) return false;
    from = at + piece.length;
  }
  return true;
}

/** The same segments, except where the parent has nothing but `*`. */
function impliesPattern(parent: string, child: string): boolean {
  const wide = parent.split('/');
  const narrow = child.split('/');
  return (
    wide.length === narrow.length &&
    wide.every((segment, index) => segment === '*' || segment === narrow[index])
  );
}
