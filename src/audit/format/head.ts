import type { KeyObject } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AuditSigner,
  type HeadFacts,
  headStatement,
  isSigned,
  parseObject,
} from './statements.ts';

export const HEAD_FILE = 'head.json';
const MAX_HEAD_BYTES = 4096;

export interface Head extends HeadFacts {
  readonly sig: string;
}

export type HeadReading =
  | { readonly status: 'missing' }
  | { readonly status: 'bad' }
  | { readonly status: 'read'; readonly head: Head };

export function headText(facts: HeadFacts, sig: string): string {
  const { chain, seq, hash, time, state } = facts;
  return `${JSON.stringify({ chain, seq, hash, time, state, sig })}\n`;
}

export function signedHeadText(facts: HeadFacts, signer: AuditSigner): string {
  const sig = Buffer.from(signer.sign(headStatement(facts))).toString('base64url');
  return headText(facts, sig);
}

/** Reads the head file. Only the exact bytes a writer would write pass; the signature is not checked. */
export async function readHead(dir: string): Promise<HeadReading> {
  let text: string;
  try {
    const file = await open(
      join(dir, HEAD_FILE),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    try {
      const buffer = Buffer.alloc(MAX_HEAD_BYTES);
      const { bytesRead } = await file.read(buffer, 0, MAX_HEAD_BYTES, 0);
      text = buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { status: 'missing' };
    if (code === 'ELOOP' || code === 'EISDIR' || code === 'ENXIO') return { status: 'bad' };
    throw error;
  }
  const value = parseObject(text);
  if (value === undefined) return { status: 'bad' };
  const { chain, seq, hash, time, state, sig } = value as Partial<Record<string, unknown>>;
  if (
    typeof chain !== 'string' ||
    typeof seq !== 'number' ||
    !Number.isSafeInteger(seq) ||
    typeof hash !== 'string' ||
    typeof time !== 'number' ||
    (state !== 'open' && state !== 'closed') ||
    typeof sig !== 'string'
  )
    return { status: 'bad' };
  const head: Head = { chain, seq, hash, time, state, sig };
  return headText(head, sig) === text ? { status: 'read', head } : { status: 'bad' };
}

/** True when the key signed this head for this chain. */
export function isHeadSigned(head: Head, chain: string, key: KeyObject): boolean {
  return head.chain === chain && isSigned(key, headStatement(head), head.sig);
}
