import { isAppError, sha256Hex } from '../../kernel/index.ts';
import type { AuditRecord } from '../model.ts';
import { MAX_FIELD_LENGTH, MAX_RECORD_LENGTH } from './limits.ts';

/**
 * A record as one line of JSON; never throws and never drops a record. What is too long or is not
 * JSON is replaced: `detail` by `{ omitted, digest, size }` (SHA-256 and length of its JSON), other
 * texts by their beginning and their digest.
 */
export function encodeRecord(record: AuditRecord): string {
  try {
    const text = JSON.stringify(record);
    if (text !== undefined && text.length <= MAX_RECORD_LENGTH && text.startsWith('{')) return text;
  } catch {
    // A cycle, a bigint, a throwing getter or too much nesting: the shortened form holds what it can.
  }
  return shorten(record);
}

function shorten(record: AuditRecord): string {
  const kept: Record<string, unknown> = {};
  try {
    for (const [name, value] of Object.entries(record).slice(0, 32))
      kept[clip(name)] = name === 'detail' ? digestOf(value) : plain(value);
  } catch {
    kept['omitted'] = 'the record could not be read';
  }
  return JSON.stringify(kept);
}

function plain(value: unknown): unknown {
  if (typeof value === 'string') return clip(value);
  if (typeof value === 'bigint') return clip(String(value));
  if (typeof value !== 'object' || value === null) return value;
  const out: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value).slice(0, 16)) {
    out[clip(name)] =
      typeof inner === 'string'
        ? clip(inner)
        : typeof inner === 'number' || typeof inner === 'boolean'
          ? inner
          : digestOf(inner);
  }
  return out;
}

function clip(text: string): string {
  if (text.length <= MAX_FIELD_LENGTH) return text;
  return `${text.slice(0, MAX_FIELD_LENGTH / 4)}… (${text.length} characters, sha256 ${sha256Hex(text)})`;
}

function digestOf(value: unknown): unknown {
  if (value === undefined || value === null) return value;
  try {
    // A bigint is the one ordinary value that JSON lacks.
    const text = JSON.stringify(value, (_name, inner: unknown) =>
      typeof inner === 'bigint' ? String(inner) : inner,
    );
    if (text === undefined) return { omitted: 'not JSON' };
    if (text.length <= MAX_RECORD_LENGTH / 2) return JSON.parse(text) as unknown;
    return { omitted: 'too large', digest: sha256Hex(text), size: text.length };
  } catch (error) {
    return { omitted: 'not JSON', reason: isAppError(error) ? error.code : nameOf(error) };
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? clip(error.name) : 'unknown';
}
