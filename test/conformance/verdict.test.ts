import { expect, test } from 'vitest';
import type { Leg } from './legs.ts';
import { judge } from './verdict.ts';

const outcome = (ok: boolean) => ({ ok, checksPassed: 1, checksFailed: ok ? 0 : 1, words: 'why' });
const leg: Leg = {
  name: 'through 2026-07-28',
  required: ['good', 'bad', 'silent', 'elsewhere'],
  outcomes: new Map([
    ['good', outcome(true)],
    ['bad', outcome(false)],
    ['extra', outcome(false)],
  ]),
  skipped: new Map([['elsewhere', 'not driven from here']]),
};
const excuse = (...scenarios: string[]) =>
  new Map([[leg.name, new Map(scenarios.map((scenario) => [scenario, 'known']))]]);

test('a required scenario that failed or never ran fails the leg, one that is not scored does not', () => {
  const verdict = judge(leg, new Map());
  expect(verdict.passed).toEqual(['good']);
  expect(verdict.failed.map(({ scenario }) => scenario)).toEqual(['bad', 'silent']);
  expect(verdict.skipped).toEqual([{ scenario: 'elsewhere', reason: 'not driven from here' }]);
  expect(verdict.unscored).toEqual({ passed: [], failed: ['extra'] });
});

test('an excused failure is reported with its reason and does not fail the leg', () => {
  const verdict = judge(leg, excuse('bad', 'silent'));
  expect(verdict.failed).toEqual([]);
  expect(verdict.expected).toEqual([
    { scenario: 'bad', reason: 'known' },
    { scenario: 'silent', reason: 'known' },
  ]);
});

test('an excuse for what passes, or for what is not required, fails the leg', () => {
  const verdict = judge(leg, excuse('bad', 'silent', 'good', 'invented'));
  expect(verdict.failed.map(({ scenario }) => scenario)).toEqual(['good', 'invented']);
});
