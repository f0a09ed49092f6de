import type { ExpectedFailures } from './expected-failures.ts';
import type { Leg } from './legs.ts';

export interface LegVerdict {
  leg: string;
  required: number;
  passed: string[];
  /** Failed and not excused; also excuses that turned out stale. */
  failed: { scenario: string; words: string }[];
  /** Failed, with the reason of expected-failures.yaml. */
  expected: { scenario: string; reason: string }[];
  skipped: { scenario: string; reason: string }[];
  checks: { passed: number; failed: number };
  /** Scenarios the revision runs but does not score. */
  unscored: { passed: string[]; failed: string[] };
}

/** What a leg proves. A required scenario that did not run is a failure: silence is not success. */
export function judge(leg: Leg, expectedFailures: ExpectedFailures): LegVerdict {
  const reasons = expectedFailures.get(leg.name) ?? new Map<string, string>();
  const verdict: LegVerdict = {
    leg: leg.name,
    required: leg.required.length,
    passed: [],
    failed: [],
    expected: [],
    skipped: [],
    checks: { passed: 0, failed: 0 },
    unscored: { passed: [], failed: [] },
  };
  for (const scenario of leg.required) {
    const skip = leg.skipped.get(scenario);
    if (skip !== undefined) {
      verdict.skipped.push({ scenario, reason: skip });
      continue;
    }
    const outcome = leg.outcomes.get(scenario);
    const reason = reasons.get(scenario);
    verdict.checks.passed += outcome?.checksPassed ?? 0;
    verdict.checks.failed += outcome?.checksFailed ?? 0;
    if (outcome?.ok && reason === undefined) verdict.passed.push(scenario);
    else if (outcome?.ok) {
      verdict.failed.push({ scenario, words: 'passes, but expected-failures.yaml excuses it' });
    } else if (reason !== undefined) verdict.expected.push({ scenario, reason });
    else verdict.failed.push({ scenario, words: outcome?.words ?? 'the suite did not run it' });
  }
  for (const scenario of reasons.keys()) {
    if (leg.required.includes(scenario)) continue;
    verdict.failed.push({ scenario, words: 'is excused, but this leg does not require it' });
  }
  for (const [scenario, outcome] of leg.outcomes) {
    if (leg.required.includes(scenario)) continue;
    verdict.unscored[outcome.ok ? 'passed' : 'failed'].push(scenario);
  }
  return verdict;
}
