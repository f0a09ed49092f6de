import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../kernel/index.ts';
import type { HeadSigner } from './ports.ts';

/** A signed statement: the chain `chain` reached record `seq` with `hash` at `time`. A log that is shorter was cut. */
export interface Head {
  readonly chain: string;
  readonly seq: number;
  readonly hash: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly keyId: string;
  /** Ed25519 over the canonical JSON of the other fields, base64url. */
  readonly signature: string;
}

export const HEAD_FILE = 'head.json';

const statement = ({ chain, seq, hash, time, keyId }: Omit<Head, 'signature'>): Buffer =>
  Buffer.from(
    `sallyport-audit-head-1\n${canonicalJson({ chain, seq, hash, time, keyId })}`,
    'utf8',
  );

/** Signs and replaces the head file atomically. It may lag behind the log, never run ahead of it. */
export async function writeHead(
  dir: string,
  fields: Omit<Head, 'signature' | 'keyId'>,
  signer: HeadSigner,
): Promise<Head> {
  const unsigned = { ...fields, keyId: signer.keyId };
  const head: Head = {
    ...unsigned,
    signature: Buffer.from(signer.sign(statement(unsigned))).toString('base64url'),
  };
  const path = join(dir, HEAD_FILE);
  await writeFile(`${path}.new`, `${JSON.stringify(head)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
  return head;
}

/** The head as stored; undefined when there is none, `malformed` when it can't be one. */
export async function readHead(dir: string): Promise<Head | undefined | 'malformed'> {
  let text: string;
  try {
    text = await readFile(join(dir, HEAD_FILE), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const head = JSON.parse(text) as Partial<Head>;
    const { chain, seq, hash, time, keyId, signature } = head;
    if (
      typeof chain !== 'string' ||
      typeof hash !== 'string' ||
      typeof keyId !== 'string' ||
      typeof signature !== 'string'
    )
      return 'malformed';
    if (!Number.isSafeInteger(seq) || typeof time !== 'number') return 'malformed';
    return head as Head;
  } catch {
    return 'malformed';
  }
}

/** True when the head was signed by the key. */
export function verifyHead(head: Head, publicKey: KeyObject | string): boolean {
  const key = typeof publicKey === 'string' ? createPublicKey(publicKey) : publicKey;
  const { signature, ...unsigned } = head;
  try {
    return verify(null, statement(unsigned), key, Buffer.from(signature, 'base64url'));
  } catch {
    return false;
  }
}
