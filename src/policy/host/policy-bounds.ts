import { AppError, MIB } from '../../kernel/index.ts';
import { maxNesting } from '../cedar/lex.ts';
import { DEFAULT_LIMITS } from '../cedar/limits.ts';

/** UTF-8 bytes of all policies together. */
export const MAX_POLICY_SET_BYTES = 10 * MIB;

/**
 * Measures one policy before any parser sees it: Cedar's parser recurses, and a deep text destroys the instance it
 * runs in.
 *
 * @throws AppError `POLICY_TOO_LARGE`, `POLICY_TOO_DEEP`
 */
export function assertPolicyBounds(text: string): void {
  assertSize(text.length, DEFAULT_LIMITS.policyTextBytes, 'one policy');
  assertSize(Buffer.byteLength(text), DEFAULT_LIMITS.policyTextBytes, 'one policy');
  // `if a then if b then …` nests without brackets; each word counts, which is more than needed and never less.
  const words = text.match(/\bif\b/g)?.length ?? 0;
  for (const depth of [maxNesting(text), words]) {
    if (depth > DEFAULT_LIMITS.nesting)
      throw new AppError('POLICY_TOO_DEEP', { params: { depth, limit: DEFAULT_LIMITS.nesting } });
  }
}

/** @throws AppError `POLICY_TOO_LARGE` */
export function assertSetBounds(texts: readonly string[]): void {
  let size = 0;
  for (const text of texts) size += Buffer.byteLength(text);
  assertSize(size, MAX_POLICY_SET_BYTES, 'all policies together');
}

function assertSize(size: number, limit: number, what: string): void {
  if (size > limit) throw new AppError('POLICY_TOO_LARGE', { params: { size, limit, what } });
}
