import type { KeyObject } from 'node:crypto';
import { type Frame, ZERO_HASH } from '../format/frame.ts';
import { type Head, isHeadSigned } from '../format/head.ts';
import {
  checkpointStatement,
  isSigned,
  keyIdOf,
  readCheckpoint,
  readGenesis,
  readPublicKey,
} from '../format/statements.ts';
import type { VerifyProblemKind } from './problem.ts';

export interface Finding {
  readonly kind: VerifyProblemKind;
  readonly seq: number;
  readonly message: string;
}

/** Follows the chain over lines whose own hash is right; remembers no more than the last one. */
export interface ChainCheck {
  /** Takes the next line in its place; what is wrong with it, if anything is. */
  take(frame: Frame): Finding | undefined;
  /** The sequence number that must come next. */
  next(): number;
  tip(): string;
  signedSeq(): number | undefined;
  chain(): string | undefined;
  key(): KeyObject | undefined;
  keyId(): string | undefined;
}

export function createChainCheck(options: {
  /** The key the caller trusts. */
  readonly publicKey?: string;
  readonly head?: Head;
  /** Hashes that must be found, by sequence number; found ones are removed. */
  readonly expect: Map<number, string>;
}): ChainCheck {
  const { expect } = options;
  /** Only once its signature was found good. */
  let head: Head | undefined;
  let next = 0;
  let tip = ZERO_HASH;
  /** `prev` of the last line: tells a second line for the same place from anything else. */
  let before = '';
  let signed: number | undefined;
  let chain: string | undefined;
  let publicKey: string | undefined;
  let key: KeyObject | undefined;

  const begin = (frame: Frame): Finding | undefined => {
    const genesis = frame.kind === 'genesis' ? readGenesis(frame.payload()) : undefined;
    if (genesis === undefined)
      return { kind: 'inserted', seq: 0, message: 'the first line does not begin a log' };
    if (options.publicKey !== undefined && genesis.publicKey !== options.publicKey)
      return {
        kind: 'bad_signature',
        seq: 0,
        message: `the log names the key ${genesis.key}, not the key ${keyIdOf(options.publicKey)} that was asked for`,
      };
    chain = genesis.chain;
    publicKey = genesis.publicKey;
    key = readPublicKey(publicKey);
    const named = options.head;
    if (named !== undefined && key !== undefined && isHeadSigned(named, chain, key)) head = named;
    return undefined;
  };

  const rewritten = (seq: number, witness: string): Finding => {
    const first = signed === undefined ? 0 : signed + 1;
    return {
      kind: 'rewritten',
      seq: first,
      message: `${witness}, so one or more of the records ${first} to ${seq} are not the ones that were written`,
    };
  };

  const checkSignature = (frame: Frame): Finding | undefined => {
    const checkpoint = readCheckpoint(frame.payload());
    const statement = checkpointStatement(
      chain ?? '',
      frame.seq,
      frame.prev,
      checkpoint?.time ?? 0,
    );
    if (checkpoint !== undefined && key !== undefined && isSigned(key, statement, checkpoint.sig))
      return undefined;
    return rewritten(frame.seq, `the signature in record ${frame.seq} does not fit the chain`);
  };

  const misplaced = (frame: Frame): Finding | undefined => {
    const { seq } = frame;
    if (seq === next && frame.prev === tip) return undefined;
    if (seq > next) {
      const what = seq - next === 1 ? `record ${next} is` : `records ${next} to ${seq - 1} are`;
      return { kind: 'removed', seq: next, message: `${what} missing before record ${seq}` };
    }
    if (seq === next)
      return next === 0
        ? { kind: 'removed', seq: 0, message: 'record 0 does not begin a chain' }
        : {
            kind: 'rewritten',
            seq: next - 1,
            message: `record ${next} was written after another record ${next - 1} than the one that stands here`,
          };
    if (seq === next - 1 && frame.prev === before && frame.hash !== tip)
      return {
        kind: 'inserted',
        seq,
        message: `two different records stand here as record ${seq}; one of them was added`,
      };
    return {
      kind: 'inserted',
      seq: next,
      message: `a line numbered ${seq} stands where record ${next} belongs`,
    };
  };

  return {
    take(frame) {
      const place = misplaced(frame);
      if (place !== undefined) return place;
      const { seq, hash, kind } = frame;
      if (seq === 0) {
        const wrong = begin(frame);
        if (wrong !== undefined) return wrong;
      } else if (kind === 'genesis') {
        return { kind: 'inserted', seq, message: `record ${seq} begins a second log` };
      }
      if (kind === 'checkpoint') {
        const wrong = checkSignature(frame);
        if (wrong !== undefined) return wrong;
      }
      if (head?.seq === seq && head.hash !== hash)
        return rewritten(seq, `record ${seq} is not the one that the signed head names`);
      const expected = expect.get(seq);
      if (expected !== undefined && expected !== hash)
        return rewritten(seq, `record ${seq} is not the one of the receipt`);
      expect.delete(seq);
      if (kind === 'checkpoint' || head?.seq === seq) signed = seq;
      before = tip;
      tip = hash;
      next = seq + 1;
      return undefined;
    },
    next: () => next,
    tip: () => tip,
    signedSeq: () => signed,
    chain: () => chain,
    key: () => key,
    keyId: () => (publicKey === undefined ? undefined : keyIdOf(publicKey)),
  };
}
