/** Appends without pause and prints each acknowledged record, until it is killed. */
import { writeSync } from 'node:fs';
import { systemClock, systemRandom } from '../../kernel/index.ts';
import { createAuditLog } from '../write/create-audit-log.ts';
import { testRecord } from './rig.ts';

const log = await createAuditLog({
  dir: process.argv[2] ?? '',
  clock: systemClock,
  random: systemRandom,
  segmentBytes: 200_000,
  checkpointEvery: 100,
  headEveryMs: 20,
});
writeSync(1, 'ready\n');
let next = 0;
const worker = async (): Promise<void> => {
  for (;;) {
    const { seq, hash } = await log.append(testRecord(next++));
    writeSync(1, `${seq} ${hash}\n`);
  }
};
await Promise.all(Array.from({ length: 16 }, worker));
