import { err, ok, type Result } from '../../kernel/index.ts';
import type { RawJson } from '../model.ts';
import { JsonScanner, type RootMember, ScanFailure, type ScanProblemKind } from './json-scanner.ts';

export interface ScanLimits {
  /** Containers inside each other; 64 unless told. */
  readonly maxDepth?: number;
  /** Values of all kinds together, each member and item one; unlimited unless told. */
  readonly maxValues?: number;
  /** UTF-16 units of the text; 4 Mi unless told. */
  readonly maxLength?: number;
}

export interface ScanError {
  readonly kind: ScanProblemKind;
  /** Plain words, holds nothing of the text. */
  readonly problem: string;
  /** UTF-16 units from the start of the text. */
  readonly offset: number;
}

export interface ScannedRoot {
  /** The value without the blanks around it. */
  readonly raw: RawJson;
  /** Members of the root when it is an object, offsets into the scanned text. */
  readonly members: readonly RootMember[];
}

const DEFAULT_DEPTH = 64;
const DEFAULT_LENGTH = 4 * 1024 * 1024;

/** Like `scanJson`, and hands over the members of the root object that the same pass found. */
export function scanRoot(text: string, limits?: ScanLimits): Result<ScannedRoot, ScanError> {
  if (text.length > (limits?.maxLength ?? DEFAULT_LENGTH)) {
    return err({ kind: 'limit', problem: 'the text is too long', offset: text.length });
  }
  if (text.charCodeAt(0) === 0xfeff) {
    return err({ kind: 'syntax', problem: 'a byte order mark is not allowed', offset: 0 });
  }
  if (!text.isWellFormed()) {
    return err({ kind: 'surrogate', problem: 'a lone surrogate', offset: loneSurrogate(text) });
  }
  const scanner = new JsonScanner(
    text,
    limits?.maxDepth ?? DEFAULT_DEPTH,
    limits?.maxValues ?? Number.POSITIVE_INFINITY,
  );
  try {
    scanner.skipSpace();
    const start = scanner.pos;
    scanner.value(0);
    const end = scanner.pos;
    scanner.skipSpace();
    if (scanner.pos !== text.length) scanner.fail('syntax', 'something follows the value');
    const raw = (start === 0 && end === text.length ? text : text.slice(start, end)) as RawJson;
    const isObject = text.charCodeAt(start) === 0x7b;
    return ok({ raw, members: isObject ? scanner.root : [] });
  } catch (failure) {
    if (failure instanceof ScanFailure) {
      return err({ kind: failure.kind, problem: failure.problem, offset: failure.offset });
    }
    throw failure;
  }
}

/**
 * Strict RFC 8259 scan. Refuses duplicate member names (after unescaping), lone surrogates (raw and escaped), depth over
 * the limit, trailing data, a byte order mark, and numbers no double can hold (RFC 8259 section 6). Linear time.
 * The result is the same text without the blanks around it.
 */
export function scanJson(text: string, limits?: ScanLimits): Result<RawJson, ScanError> {
  const scanned = scanRoot(text, limits);
  return scanned.ok ? ok(scanned.value.raw) : scanned;
}

function loneSurrogate(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0xd800 || code > 0xdfff) continue;
    const next = text.charCodeAt(i + 1);
    if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return i;
    i++;
  }
  return 0;
}
