import { expect, test } from 'vitest';
import { type Batch, generateBatch } from './testing/generate.ts';
import { cedar, compileSet, loadEntities, ours, referee, wasmSet } from './testing/referee.ts';

/** The long run sets SALLYPORT_FUZZ to the number of cases, and may set SALLYPORT_FUZZ_SEED to where it starts. */
const CASES = Number(process.env['SALLYPORT_FUZZ'] ?? 5_000);
const FIRST_SEED = Number(process.env['SALLYPORT_FUZZ_SEED'] ?? 1);
const PER_BATCH = 50;

interface Tally {
  cases: number;
  allow: number;
  withErrors: number;
  withReasons: number;
  refused: number;
}

test(
  'the evaluator and cedar-wasm agree on decision, determining policies and erring policies',
  () => {
    const tally: Tally = { cases: 0, allow: 0, withErrors: 0, withReasons: 0, refused: 0 };
    for (let seed = FIRST_SEED; tally.cases < CASES; seed++) {
      compare(seed, generateBatch(seed, PER_BATCH), tally);
    }
    if (process.env['SALLYPORT_FUZZ'] !== undefined) console.log(JSON.stringify(tally));
    // Guards against a generator that only ever asks trivial questions.
    expect(tally.allow).toBeGreaterThan(tally.cases / 50);
    expect(tally.withErrors).toBeGreaterThan(tally.cases / 20);
    expect(tally.withReasons).toBeGreaterThan(tally.cases / 10);
    expect(tally.refused).toBeLessThan(tally.cases / 10);
  },
  60_000 + CASES * 20,
);

function compare(seed: number, batch: Batch, tally: Tally): void {
  const preparsed = cedar.preparsePolicySet('differential', wasmSet(batch.texts));
  expect(preparsed, `seed ${seed}`).toEqual({ type: 'success' });
  const policies = compileSet(batch.texts);
  const entities = loadEntities(batch.entities);
  for (const question of batch.questions) {
    const theirs = referee({ preparsed: 'differential' }, batch.entities, question);
    const answer = ours(policies, entities, question);
    tally.cases++;
    if ('refused' in theirs) {
      tally.refused++;
      if (!('refused' in answer)) fail(seed, batch, question, theirs, answer);
      continue;
    }
    if (theirs.decision === 'allow') tally.allow++;
    if (theirs.errors.length > 0) tally.withErrors++;
    if (theirs.reasons.length > 0) tally.withReasons++;
    if (JSON.stringify(answer) !== JSON.stringify(theirs))
      fail(seed, batch, question, theirs, answer);
  }
}

function fail(
  seed: number,
  batch: Batch,
  question: unknown,
  theirs: unknown,
  answer: unknown,
): never {
  throw new Error(
    [
      `seed ${seed}: cedar-wasm ${JSON.stringify(theirs)}, ours ${JSON.stringify(answer)}`,
      JSON.stringify(question),
      JSON.stringify(batch.texts, undefined, 1),
      JSON.stringify(batch.entities),
    ].join('\n'),
  );
}
