import type { AuditReceipt } from '../model.ts';

export type VerifyProblemKind =
  /** Bytes of a line are not what was written. */
  | 'bit_flip'
  /** The log ends before a record that a signature or a receipt vouches for. */
  | 'cut_tail'
  /** Records are missing in the middle, or a whole segment is. */
  | 'removed'
  /** A record or segment stands in the place of another. */
  | 'reordered'
  /** Something stands here that the writer did not put here, such as a copy. */
  | 'inserted'
  /** Records were changed and their hashes made to fit; only the signatures tell. */
  | 'rewritten'
  /** A checkpoint, the head or the first record is not signed by the key of this log. */
  | 'bad_signature'
  /** The log ends within a record. */
  | 'torn_tail'
  | 'no_log';

/** The first thing that is wrong. */
export interface VerifyProblem {
  readonly kind: VerifyProblemKind;
  /** Every record before this one is intact and in its place. */
  readonly seq: number;
  /** File name in the audit directory. */
  readonly file: string;
  /** Byte offset in the file, and line from 1, of what was found in place of record `seq`. */
  readonly offset: number;
  readonly line: number;
  readonly message: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  /** Lines that were found good, the first one and checkpoints included. */
  readonly records: number;
  readonly segments: number;
  readonly chain: string | undefined;
  /** The last good record. */
  readonly head: AuditReceipt | undefined;
  /** The last record that a valid signature covers; what follows it rests on the chain alone. */
  readonly signedSeq: number | undefined;
  /** Key of the log, and whether the caller knew it or it is what the log says of itself. */
  readonly key: { readonly keyId: string; readonly given: boolean } | undefined;
  /** False while the log is written to, or when its writer died. */
  readonly closed: boolean;
  /** Bytes of a record at the end that was not finished; normal beside a running writer. */
  readonly partialBytes: number;
  readonly problem: VerifyProblem | undefined;
}

export interface VerifyOptions {
  /** Ed25519 key that the log must be signed with: base64url of its 32 bytes, or SPKI PEM. */
  readonly publicKey?: string;
  /** Receipts kept elsewhere; each must be found. The one defence against a restored old copy. */
  readonly expect?: readonly AuditReceipt[];
  readonly signal?: AbortSignal;
}

export interface VerifyProgress {
  readonly records: number;
  readonly segments: number;
  readonly bytes: number;
}

export type VerifyStep =
  | { readonly type: 'progress'; readonly progress: VerifyProgress }
  | { readonly type: 'result'; readonly report: VerifyReport };
