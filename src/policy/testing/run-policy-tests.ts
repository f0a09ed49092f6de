import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { AppError, type Clock, isAppError, MIB, systemClock } from '../../kernel/index.ts';
import { createCedarHost } from '../host/create-cedar-host.ts';
import type { RefereeDifference } from '../host/create-referee.ts';
import type { PolicyProblem } from '../loader/policy-source.ts';
import { readPolicyDirectory } from '../loader/read-directory.ts';
import type { AgentFacts, ToolDefinition } from '../model.ts';
import { createPolicyService } from '../service/create-policy-service.ts';
import type { PolicyService } from '../service/model.ts';
import { checkCase, requestOf } from './check-case.ts';
import { type PolicyTestFile, readTestFile, readToolsFile } from './test-file.ts';

export interface TestCaseResult {
  readonly name: string;
  readonly passed: boolean;
  /** What was expected and what came, one line each. */
  readonly failures: readonly string[];
}

export interface TestFileResult {
  /** Relative to the directory that was asked for. */
  readonly file: string;
  readonly passed: boolean;
  readonly cases: readonly TestCaseResult[];
  /** Why the file could not be run, or what is wrong with the policies beside it. */
  readonly problems: readonly string[];
  readonly warnings: readonly PolicyProblem[];
}

export interface PolicyTestRun {
  readonly passed: boolean;
  readonly files: readonly TestFileResult[];
  readonly total: number;
  readonly failed: number;
}

export interface RunPolicyTestsDeps {
  readonly clock?: Clock;
}

const SUFFIX = '.policytest.yaml';
const MAX_DEPTH = 6;
const MAX_FILE_BYTES = 4 * MIB;

/**
 * Runs every `*.policytest.yaml` under a directory against the policies beside it. Each decision is repeated by
 * cedar-wasm; a difference fails the file. Nothing outside the directory is read, whatever a test file says.
 *
 * @throws AppError `POLICY_DIRECTORY_UNREADABLE`
 */
export async function runPolicyTests(
  directory: string,
  { clock = systemClock }: RunPolicyTestsDeps = {},
): Promise<PolicyTestRun> {
  const root = resolve(directory);
  const files: TestFileResult[] = [];
  for (const file of (await testFiles(root, 0)).sort())
    files.push(await runFile(root, file, clock));
  const cases = files.flatMap((file) => file.cases);
  return {
    passed: files.length > 0 && files.every((file) => file.passed),
    files,
    total: cases.length,
    failed: cases.filter((one) => !one.passed).length,
  };
}

async function testFiles(directory: string, depth: number): Promise<string[]> {
  let entries: Awaited<ReturnType<typeof list>>;
  try {
    entries = await list(directory);
  } catch {
    throw new AppError('POLICY_DIRECTORY_UNREADABLE', {
      params: { path: directory, problem: 'it is not there, or not readable' },
    });
  }
  const found: string[] = [];
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (
      entry.isDirectory() &&
      depth < MAX_DEPTH &&
      !entry.name.startsWith('.') &&
      entry.name !== 'node_modules'
    )
      found.push(...(await testFiles(path, depth + 1)));
    else if (entry.isFile() && entry.name.endsWith(SUFFIX)) found.push(path);
  }
  return found;
}

const list = (directory: string) => readdir(directory, { withFileTypes: true });

async function runFile(root: string, file: string, clock: Clock): Promise<TestFileResult> {
  const name = relative(root, file);
  const host = createCedarHost({ clock });
  const differences: RefereeDifference[] = [];
  try {
    const test = readTestFile(name, await readBounded(file, name));
    const service = createPolicyService({
      host,
      read: () => readPolicyDirectory(dirname(file)),
      mode: 'enforce',
      refereeSample: 1,
      onDifference: (difference) => void differences.push(difference),
    });
    const agents = agentsOf(test);
    service.setAgents([...agents.values()]);
    for (const [server, given] of Object.entries(test.servers))
      service.setTools(server, await toolsOf(root, file, given));
    const report = await service.reload();
    const errors = report.problems.filter((problem) => problem.severity === 'error');
    const cases = report.applied ? runCases(service, test, agents) : [];
    await service.idle();
    const problems = [
      ...errors.map(
        ({ file: at, line, column, message, suggestion }) =>
          `${at}:${line}:${column}: ${message}${suggestion === undefined ? '' : ` (${suggestion})`}`,
      ),
      ...differences.map(
        ({ action, ours, theirs }) =>
          `the evaluator and cedar-wasm disagree on ${action}: ${JSON.stringify({ ours, theirs })}`,
      ),
    ];
    return {
      file: name,
      passed: problems.length === 0 && cases.every((one) => one.passed),
      cases,
      problems,
      warnings: report.problems.filter((problem) => problem.severity === 'warning'),
    };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { file: name, passed: false, cases: [], problems: [error.message], warnings: [] };
  } finally {
    await host.close();
  }
}

function runCases(
  service: PolicyService,
  test: PolicyTestFile,
  agents: ReadonlyMap<string, AgentFacts>,
): TestCaseResult[] {
  return test.tests.map((one) => {
    const full = { ...test.defaults, ...one };
    const request = requestOf(full, agents);
    const failures =
      typeof request === 'string' ? [request] : checkCase(full, service.decide(request));
    return { name: one.name, passed: failures.length === 0, failures };
  });
}

function agentsOf(test: PolicyTestFile): Map<string, AgentFacts> {
  return new Map(
    Object.entries(test.agents).map(([name, { id, blueprint, environment, riskTier, ...rest }]) => [
      name,
      {
        id: id ?? `agt_${name}`,
        name,
        ...rest,
        ...(blueprint === undefined ? {} : { blueprint }),
        ...(environment === undefined ? {} : { environment }),
        ...(riskTier === undefined ? {} : { riskTier }),
      },
    ]),
  );
}

async function toolsOf(
  root: string,
  file: string,
  given: string | PolicyTestFile['servers'][string],
): Promise<readonly ToolDefinition[]> {
  if (typeof given !== 'string') return given as readonly ToolDefinition[];
  const path = resolve(dirname(file), given);
  if (!path.startsWith(root + sep)) {
    const problem = `${given} is outside the directory of the tests`;
    throw new AppError('POLICY_TEST_INVALID', { params: { file: relative(root, file), problem } });
  }
  return readToolsFile(given, await readBounded(path, given)) as readonly ToolDefinition[];
}

async function readBounded(path: string, name: string): Promise<string> {
  const problem = async (): Promise<string | undefined> => {
    const { size } = await stat(path);
    return size > MAX_FILE_BYTES ? `it is larger than ${MAX_FILE_BYTES} bytes` : undefined;
  };
  const refused = await problem().catch(() => 'it is not there');
  if (refused !== undefined)
    throw new AppError('POLICY_TEST_INVALID', { params: { file: name, problem: refused } });
  return readFile(path, 'utf8');
}
