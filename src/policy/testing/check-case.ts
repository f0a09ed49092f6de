import type { ActionKind, ActionRequest, AgentFacts, Decision, JsonValue } from '../model.ts';
import type { TestCase } from './test-file.ts';

/** A Wednesday morning, so that tests without a time do not depend on when they run. */
const DEFAULT_NOW = Date.UTC(2026, 0, 14, 10, 0, 0);

const METHODS: Readonly<Record<ActionKind, string>> = {
  tool: 'tools/call',
  resource: 'resources/read',
  prompt: 'prompts/get',
  completion: 'completion/complete',
  list: 'tools/list',
  listen: 'subscriptions/listen',
  task: 'tasks/get',
  sampling: 'sampling/createMessage',
  elicitation: 'elicitation/create',
  roots: 'roots/list',
  other: 'other',
};

/** The request that a test describes, or what is missing in it. */
export function requestOf(
  test: TestCase,
  agents: ReadonlyMap<string, AgentFacts>,
): ActionRequest | string {
  const { agent: name, server, session = {} } = test;
  if (name === undefined) return 'the test names no agent';
  const agent = agents.get(name);
  if (agent === undefined) return `agent ${name} is not listed under \`agents\``;
  if (server === undefined) return 'the test names no server';
  const kind = test.kind ?? 'tool';
  const target =
    test.tool ?? test.target ?? test.method ?? (kind === 'tool' ? undefined : METHODS[kind]);
  if (target === undefined) return 'the test names no tool';
  const now =
    typeof session.now === 'string' ? Date.parse(session.now) : (session.now ?? DEFAULT_NOW);
  if (Number.isNaN(now)) return 'session.now is not a time';
  const { sessionId, taskId, approved } = session;
  return {
    agent,
    ...(test.user === undefined ? {} : { user: test.user }),
    kind,
    method: test.method ?? METHODS[kind],
    server,
    target,
    ...(test.arguments === undefined
      ? {}
      : { arguments: test.arguments as { readonly [key: string]: JsonValue } }),
    session: {
      now,
      transport: session.transport ?? 'http',
      era: session.era ?? 'modern',
      ...(sessionId === undefined ? {} : { sessionId }),
      ...(taskId === undefined ? {} : { taskId }),
      ...(approved === undefined ? {} : { approved }),
    },
  };
}

/** What differs from the expectation, one line each; none when the test passes. */
export function checkCase(test: TestCase, decision: Decision): string[] {
  const failures: string[] = [];
  const said = decision.reasons.map((reason) => reason.message).join(' ');
  if (decision.effect !== test.expect)
    failures.push(`expected ${test.expect}, got ${decision.effect}: ${said}`);
  if (test.policy !== undefined) {
    const expected = [test.policy].flat().sort();
    const actual = [...decision.policies].sort();
    if (expected.join() !== actual.join())
      failures.push(
        `expected policies ${expected.join(', ') || 'none'}, got ${actual.join(', ') || 'none'}`,
      );
  }
  if (test.reason !== undefined && !said.includes(test.reason))
    failures.push(`no reason says ${JSON.stringify(test.reason)}: ${said}`);
  if (test.code !== undefined && !decision.reasons.some((reason) => reason.code === test.code))
    failures.push(
      `no reason has the code ${test.code}: ${decision.reasons.map((r) => r.code).join(', ')}`,
    );
  if (test.obligations !== undefined) {
    const [expected, actual] = [[...test.obligations].sort(), [...decision.obligations].sort()];
    if (expected.join() !== actual.join())
      failures.push(
        `expected obligations ${expected.join(', ') || 'none'}, got ${actual.join(', ') || 'none'}`,
      );
  }
  return failures;
}
