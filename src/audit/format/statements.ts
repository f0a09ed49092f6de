import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';

/** Signs for one log. The key stays behind this port: it may be a file, an agent or a module. */
export interface AuditSigner {
  /** First 16 hex digits of the SHA-256 of the public key. */
  readonly keyId: string;
  /** Ed25519 public key, 32 bytes, base64url without padding. */
  readonly publicKey: string;
  /** Ed25519 (RFC 8032) over the bytes, 64 bytes. Called about once in a thousand records. */
  sign(bytes: Uint8Array): Uint8Array;
}

/** First line of a log: who keeps it, since when, in which format, with which key. */
export interface Genesis {
  readonly format: 1;
  readonly chain: string;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly key: string;
  readonly publicKey: string;
}

/** A signed line inside of the chain: everything before it is as it was when the key signed. */
export interface Checkpoint {
  readonly time: number;
  readonly key: string;
  readonly sig: string;
}

/** What `head.json` says. `closed`: nothing follows record `seq`. */
export interface HeadFacts {
  readonly chain: string;
  readonly seq: number;
  readonly hash: string;
  readonly time: number;
  readonly state: 'open' | 'closed';
}

/** Names of chains: no line end may slip into a signed text. */
export const CHAIN_NAME = /^[A-Za-z0-9_.:-]{1,128}$/;

/** Short name of a public key: the first 16 hex digits of its SHA-256. */
export function keyIdOf(publicKey: string): string {
  return createHash('sha256')
    .update(Buffer.from(publicKey, 'base64url'))
    .digest('hex')
    .slice(0, 16);
}

/**
 * The signed texts begin with different words: a checkpoint, which anybody can read in the chain,
 * must not pass for a head, or the tail could be cut back to it.
 */
export function checkpointStatement(
  chain: string,
  seq: number,
  prev: string,
  time: number,
): Buffer {
  return Buffer.from(`sallyport-audit-checkpoint-1\n${chain}\n${seq}\n${prev}\n${time}\n`, 'utf8');
}

export function headStatement(head: HeadFacts): Buffer {
  return Buffer.from(
    `sallyport-audit-head-1\n${head.chain}\n${head.seq}\n${head.hash}\n${head.time}\n${head.state}\n`,
    'utf8',
  );
}

/** `undefined` when the text is not an Ed25519 public key in base64url. */
export function readPublicKey(publicKey: string): KeyObject | undefined {
  if (!/^[A-Za-z0-9_-]{43}$/.test(publicKey)) return undefined;
  try {
    return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: publicKey } });
  } catch {
    return undefined;
  }
}

/** True when `sig` (base64url) is a signature of `statement`. */
export function isSigned(key: KeyObject, statement: Buffer, sig: string): boolean {
  if (!/^[A-Za-z0-9_-]{86}$/.test(sig)) return false;
  return verify(null, statement, key, Buffer.from(sig, 'base64url'));
}

/** Reads the payload of a genesis line; `undefined` when it is not one of this format. */
export function readGenesis(payload: string): Genesis | undefined {
  const value = parseObject(payload);
  if (value === undefined || value['format'] !== 1) return undefined;
  const { chain, created, key, publicKey } = value as Partial<Record<string, unknown>>;
  if (typeof chain !== 'string' || !CHAIN_NAME.test(chain)) return undefined;
  if (typeof created !== 'number' || typeof publicKey !== 'string') return undefined;
  if (readPublicKey(publicKey) === undefined || key !== keyIdOf(publicKey)) return undefined;
  return { format: 1, chain, created, key: keyIdOf(publicKey), publicKey };
}

/** Reads the payload of a checkpoint line. */
export function readCheckpoint(payload: string): Checkpoint | undefined {
  const value = parseObject(payload);
  if (value === undefined) return undefined;
  const { time, key, sig } = value as Partial<Record<string, unknown>>;
  if (typeof time !== 'number' || typeof key !== 'string' || typeof sig !== 'string')
    return undefined;
  return { time, key, sig };
}

/** A JSON object, or `undefined` for anything else. Nesting is bounded by the length of a line. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
