import type { Clock } from '../../kernel/index.ts';
import { encodeRecord } from '../format/encode-record.ts';
import { type FrameKind, frameBody, frameHash, frameLine } from '../format/frame.ts';
import { type AuditSigner, checkpointStatement, type Genesis } from '../format/statements.ts';
import type { AuditReceipt, AuditRecord } from '../model.ts';

export interface ChainLine {
  readonly line: string;
  readonly receipt: AuditReceipt;
}

/** Gives records their place: the sequence number and the hash that covers all before. */
export interface Chain {
  genesis(): ChainLine;
  record(record: AuditRecord): ChainLine;
  /** A signed line, when enough records have gone by; with `always`, when any have. */
  checkpoint(always?: boolean): ChainLine | undefined;
  nextSeq(): number;
}

export function createChain(options: {
  readonly signer: AuditSigner;
  readonly clock: Clock;
  readonly chain: string;
  readonly nextSeq: number;
  readonly prev: string;
  readonly checkpointEvery: number;
}): Chain {
  const { signer, clock, chain, checkpointEvery } = options;
  const key = signer.keyId;
  let seq = options.nextSeq;
  let prev = options.prev;
  let unsigned = 0;

  const link = (kind: FrameKind, payload: string): ChainLine => {
    const body = frameBody(seq, prev, kind, payload);
    const hash = frameHash(body);
    const receipt = { seq, hash };
    prev = hash;
    seq += 1;
    unsigned += 1;
    return { line: frameLine(body, hash), receipt };
  };

  return {
    genesis() {
      const { publicKey } = signer;
      const genesis: Genesis = { format: 1, chain, created: clock.now(), key, publicKey };
      return link('genesis', JSON.stringify(genesis));
    },
    record: (record) => link('record', encodeRecord(record)),
    checkpoint(always = false) {
      if (unsigned === 0 || (!always && unsigned < checkpointEvery)) return undefined;
      const time = clock.now();
      const statement = checkpointStatement(chain, seq, prev, time);
      const sig = Buffer.from(signer.sign(statement)).toString('base64url');
      const made = link('checkpoint', JSON.stringify({ time, key, sig }));
      unsigned = 0;
      return made;
    },
    nextSeq: () => seq,
  };
}
