import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { junitXml } from './junit-xml.ts';
import { runPolicyTests } from './run-policy-tests.ts';

const shipped = fileURLToPath(new URL('../../../policies', import.meta.url));
const documented = fileURLToPath(
  new URL('../../../docs/reference/policy-example', import.meta.url),
);
let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'policy-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('shipped policies', () => {
  it.each([shipped, documented])(
    'pass their own tests, without warnings and with cedar-wasm agreeing',
    async (path) => {
      const run = await runPolicyTests(path);
      expect(
        run.files.flatMap((file) => [
          ...file.problems,
          ...file.warnings,
          ...file.cases.filter((one) => !one.passed),
        ]),
      ).toEqual([]);
      expect(run.passed).toBe(true);
    },
    120_000,
  );
});

describe('the documented example', () => {
  it.each(['tickets.cedar', 'effects.yaml', 'tickets.policytest.yaml'])(
    'shows %s as it is',
    async (name) => {
      const page = await readFile(join(documented, '..', 'policy-model.md'), 'utf8');
      expect(page).toContain((await readFile(join(documented, name), 'utf8')).trim());
    },
  );
});

describe('the runner', () => {
  const test = (body: string): Promise<void> =>
    writeFile(join(directory, 'a.policytest.yaml'), body);
  const head = 'agents: { a: {} }\nservers: { s: [{ name: t }] }\n';

  it('tells a failing expectation', async () => {
    await writeFile(
      join(directory, 'p.cedar'),
      '@id("p") permit(principal, action in Action::"call", resource);',
    );
    await test(
      `${head}tests: [{ name: "<x>", agent: a, server: s, tool: t, expect: deny }, { name: y, agent: a, server: s, tool: t, expect: allow, policy: p }]`,
    );
    const run = await runPolicyTests(directory);
    expect(run).toMatchObject({ passed: false, total: 2, failed: 1 });
    expect(run.files[0]?.cases[0]?.failures[0]).toContain('expected deny, got allow');
    const xml = junitXml(run);
    expect(xml).toContain('<testcase name="&lt;x&gt;"');
    expect(xml).toContain('failures="1"');
  });

  it('fails when policies do not load, and when there are no tests at all', async () => {
    expect(await runPolicyTests(directory)).toMatchObject({ passed: false, total: 0 });
    await writeFile(join(directory, 'p.cedar'), 'permit(');
    await test(`${head}tests: [{ name: x, agent: a, server: s, tool: t, expect: deny }]`);
    const run = await runPolicyTests(directory);
    expect(run.passed).toBe(false);
    expect(run.files[0]?.problems[0]).toMatch(/^p\.cedar:1:/);
  });

  it('reads nothing outside the directory, and places errors of the test file', async () => {
    await test('servers: { s: ../../etc/passwd }\ntests: [{ name: x, expect: deny }]');
    expect((await runPolicyTests(directory)).files[0]?.problems[0]).toContain('outside');
    await test('tests:\n  - name: x\n    expect: perhaps\n');
    expect((await runPolicyTests(directory)).files[0]?.problems[0]).toContain('line 3');
  });
});
