import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';

/** Reason by scenario, by leg. */
export type ExpectedFailures = Map<string, Map<string, string>>;

/** Reads expected-failures.yaml. An entry without a scenario or a reason is an error: excuses are written down. */
export async function readExpectedFailures(file: URL): Promise<ExpectedFailures> {
  const document = (parse(await readFile(file, 'utf8')) ?? {}) as Record<string, unknown>;
  const expected: ExpectedFailures = new Map();
  for (const [leg, entries] of Object.entries(document)) {
    if (!Array.isArray(entries)) throw new Error(`expected-failures: ${leg} is not a list`);
    const reasons = new Map<string, string>();
    for (const entry of entries as { scenario?: unknown; reason?: unknown }[]) {
      if (typeof entry.scenario !== 'string' || typeof entry.reason !== 'string') {
        throw new Error(`expected-failures: an entry of ${leg} lacks its scenario or its reason`);
      }
      reasons.set(entry.scenario, entry.reason);
    }
    expected.set(leg, reasons);
  }
  return expected;
}
