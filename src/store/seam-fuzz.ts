import fc from 'fast-check';
import { isAppError, systemClock } from '../kernel/index.ts';
import { createSqliteDb, type SqlInput } from './index.ts';

/**
 * Run in a child process by the store test: binds random JavaScript values and prints how many were
 * stored, how many were refused by the seam, and how many did anything else.
 */
const runs = Number(process.argv[2] ?? 1000);
const hostile: unknown[] = [
  true,
  false,
  undefined,
  null,
  NaN,
  Infinity,
  -Infinity,
  -0,
  2 ** 53,
  1e308,
  '',
  '\0',
  'a\0b',
  '\ud800',
  'x\udfff',
  '😀',
  2n ** 63n,
  -(2n ** 63n),
  2n ** 63n - 1n,
  10n ** 400n,
  Symbol('s'),
  () => 1,
  class {},
  new Date(NaN),
  /x/,
  new Map(),
  new Proxy({}, {}),
  new Uint8Array(0),
  new Uint8Array(70_000),
  Buffer.from('b'),
  new Uint8Array(new SharedArrayBuffer(8)),
  new ArrayBuffer(4),
  new DataView(new ArrayBuffer(2)),
  new Float64Array(2),
  new BigInt64Array(1),
  Object.create(null),
  Object.create(Uint8Array.prototype),
  new String('boxed'),
  new Number(1),
  Object(1n),
  { toString: () => 'x' },
  { valueOf: () => 1 },
  [],
  [1],
  [[]],
  detached(),
  Promise.resolve(1),
  new WeakMap(),
  globalThis,
];
const value = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...hostile) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme' }) },
  { weight: 1, arbitrary: fc.double() },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }) },
  { weight: 1, arbitrary: fc.uint8Array() },
  {
    weight: 2,
    arbitrary: fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withNullPrototype: true,
      withSparseArray: true,
    }),
  },
);

const db = await createSqliteDb({ path: ':memory:', clock: systemClock });
await db.run('create table t (a text, b bigint, c blob, d)');
const count = { accepted: 0, refused: 0, wrong: 0 };
for (const sample of fc.sample(value, { numRuns: runs, seed: 42 })) {
  const bound = sample as SqlInput;
  try {
    await db.run('insert into t (a, b, c, d) values (?, ?, ?, ?)', [bound, bound, bound, bound]);
    await db.get('select a, b, c, d from t');
    await db.run('delete from t');
    count.accepted++;
  } catch (error) {
    if (isAppError(error) && error.code === 'STORE_BAD_VALUE') count.refused++;
    else count.wrong++;
  }
}
await db.close();
process.stdout.write(JSON.stringify(count));

function detached(): Uint8Array {
  const bytes = new Uint8Array(8);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}
