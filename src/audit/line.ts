import { hash } from 'node:crypto';
import type { AuditRecord } from './model.ts';

/** `prev` of the very first record of a chain. */
export const GENESIS_HASH = '0'.repeat(64);
/** A record longer than this (UTF-16 units of JSON) keeps its facts and loses its detail to a digest. */
export const MAX_RECORD_CHARS = 256 * 1024;
/** Readers refuse longer lines: hash, space, JSON in UTF-8, with room for the widest characters. */
export const MAX_LINE_BYTES = 4 * MAX_RECORD_CHARS;
export const FORMAT_VERSION = 1;

/** A record as it stands in the log. */
export interface StoredRecord extends AuditRecord {
  readonly seq: number;
}

/** hash = SHA-256 over the previous record's hash, a line feed, and the JSON text; lower-case hex. */
export const chainHash = (prev: string, json: string): string =>
  hash('sha256', `${prev}\n${json}`, 'hex');

/** One record as JSON text: `seq` first. Oversized detail is replaced by its digest and size, never dropped silently. */
export function encodeRecord(seq: number, record: AuditRecord): string {
  const body = JSON.stringify(record);
  const json = `{"seq":${seq},${body.slice(1)}`;
  if (json.length <= MAX_RECORD_CHARS) return json;
  const detail = JSON.stringify(record.detail ?? {});
  const short = (text: string | undefined): string | undefined => text?.slice(0, 4_096);
  const { target, method, ...rest } = record;
  const kept: AuditRecord = {
    ...rest,
    ...(method === undefined ? {} : { method: short(method) ?? '' }),
    ...(target === undefined ? {} : { target: short(target) ?? '' }),
    detail: { oversized: { sha256: hash('sha256', detail, 'hex'), chars: detail.length } },
  };
  return `{"seq":${seq},${JSON.stringify(kept).slice(1)}`;
}

/** The line of a record: `<hash> <json>\n`. JSON text has no raw line feed, so a line is a record. */
export const encodeLine = (lineHash: string, json: string): string => `${lineHash} ${json}\n`;

/** Splits a line (without its line feed); undefined when it can't be one of ours. */
export function splitLine(
  line: string,
): { readonly hash: string; readonly json: string } | undefined {
  if (line.length < 67 || line.charCodeAt(64) !== 32 || !/^[0-9a-f]{64}$/.test(line.slice(0, 64)))
    return undefined;
  return { hash: line.slice(0, 64), json: line.slice(65) };
}

/** The record of a line's JSON; undefined when it is not an object with a whole `seq`. Content is checked by the hash. */
export function decodeRecord(json: string): StoredRecord | undefined {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== 'object' || value === null) return undefined;
    const { seq, type, time } = value as Record<string, unknown>;
    if (!Number.isSafeInteger(seq) || typeof type !== 'string' || typeof time !== 'number')
      return undefined;
    return value as StoredRecord;
  } catch {
    return undefined;
  }
}
