import { hash } from 'node:crypto';

/**
 * One line of a segment:
 *
 *     {"seq":7,"prev":"<64 hex>","record":{…},"hash":"<64 hex>"}⏎
 *
 * `hash` is SHA-256 over the bytes of the line before `,"hash"`, so it covers `prev`, and each line
 * vouches for all before it. Verifying needs no JSON parser: cut the last 75 bytes off, hash the rest.
 */
export type FrameKind = 'record' | 'genesis' | 'checkpoint';

export interface Frame {
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
  readonly kind: FrameKind;
  /** The JSON text between `"<kind>":` and `,"hash"`. Decoded on demand. */
  payload(): string;
}

/** `prev` of the first line. */
export const ZERO_HASH = '0'.repeat(64);

/** `,"hash":"` + 64 + `"}`. */
const SUFFIX_LENGTH = 75;
const LONGEST_HEAD = 128;
const HEAD = /^\{"seq":(0|[1-9][0-9]{0,15}),"prev":"([0-9a-f]{64})","(record|genesis|checkpoint)":/;
const TAIL = /^,"hash":"([0-9a-f]{64})"\}$/;

/** What `hash` is taken over. `payload` must be JSON without line ends. */
export function frameBody(seq: number, prev: string, kind: FrameKind, payload: string): string {
  return `{"seq":${seq},"prev":"${prev}","${kind}":${payload}`;
}

/** SHA-256 of a body as 64 lower-case hex digits. */
export function frameHash(body: string | Uint8Array): string {
  return hash('sha256', body, 'hex');
}

/** The finished line with its line end. */
export function frameLine(body: string, digest: string): string {
  return `${body},"hash":"${digest}"}\n`;
}

/**
 * Reads a line (without its line end) whose own hash is right; `undefined` for everything else. Says
 * nothing about its place in the chain, nor whether the payload is JSON.
 */
export function parseFrame(line: Buffer): Frame | undefined {
  const end = line.length - SUFFIX_LENGTH;
  if (end <= 0) return undefined;
  const head = HEAD.exec(line.toString('latin1', 0, Math.min(LONGEST_HEAD, end)));
  const tail = TAIL.exec(line.toString('latin1', end, line.length));
  if (head === null || tail === null) return undefined;
  const seq = Number(head[1]);
  const start = head[0].length;
  const digest = tail[1] ?? '';
  if (!Number.isSafeInteger(seq) || frameHash(line.subarray(0, end)) !== digest) return undefined;
  return {
    seq,
    prev: head[2] ?? '',
    hash: digest,
    kind: head[3] as FrameKind,
    payload: () => line.toString('utf8', start, end),
  };
}
