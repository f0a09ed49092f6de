import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { AppError } from '../../kernel/index.ts';

const Json: z.ZodType<unknown> = z.unknown();

const Tool = z.strictObject({
  name: z.string(),
  description: z.string().optional(),
  inputSchema: Json.optional(),
  annotations: z.record(z.string(), Json).optional(),
});

const Agent = z.strictObject({
  id: z.string().optional(),
  owner: z.string().default('test@example.com'),
  blueprint: z.string().optional(),
  environment: z.string().optional(),
  riskTier: z.string().optional(),
  groups: z.array(z.string()).default([]),
});

const KINDS = [
  'tool',
  'resource',
  'prompt',
  'completion',
  'list',
  'listen',
  'task',
  'sampling',
  'elicitation',
  'roots',
  'other',
] as const;

const Session = z.strictObject({
  /** ISO 8601, or milliseconds since the epoch. */
  now: z.union([z.string(), z.number()]).optional(),
  transport: z.enum(['http', 'sse', 'stdio']).optional(),
  era: z.enum(['legacy', 'modern']).optional(),
  sessionId: z.string().optional(),
  taskId: z.string().optional(),
  approved: z.boolean().optional(),
});

const Case = z.strictObject({
  name: z.string(),
  agent: z.string().optional(),
  user: z.string().optional(),
  server: z.string().optional(),
  tool: z.string().optional(),
  kind: z.enum(KINDS).optional(),
  target: z.string().optional(),
  method: z.string().optional(),
  arguments: z.record(z.string(), Json).optional(),
  session: Session.optional(),
  expect: z.enum(['allow', 'deny', 'hold']),
  /** Id, or ids, of exactly the determining policies. */
  policy: z.union([z.string(), z.array(z.string())]).optional(),
  /** A part of some reason's message. */
  reason: z.string().optional(),
  /** The code of some reason. */
  code: z.string().optional(),
  obligations: z.array(z.string()).optional(),
});

const TestFile = z.strictObject({
  /** File with tools, or the tools, by server. */
  servers: z.record(z.string(), z.union([z.string(), z.array(Tool)])).default({}),
  agents: z.record(z.string(), Agent).default({}),
  defaults: Case.partial().omit({ name: true, expect: true }).default({}),
  tests: z.array(Case).min(1).max(10_000),
});

export type TestCase = z.infer<typeof Case>;
export type TestAgent = z.infer<typeof Agent>;
export type PolicyTestFile = z.infer<typeof TestFile>;

/** @throws AppError `POLICY_TEST_INVALID` with line and column */
export function readTestFile(name: string, text: string): PolicyTestFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = document.errors[0];
  const invalid = (offset: number, problem: string): AppError => {
    const { line, col } = lines.linePos(offset);
    const place = `line ${Math.max(1, line)}, column ${Math.max(1, col)}`;
    return new AppError('POLICY_TEST_INVALID', {
      params: { file: name, problem: `${place}: ${problem}` },
    });
  };
  if (broken !== undefined) throw invalid(broken.pos[0], broken.message);
  const parsed = TestFile.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = (issue?.path ?? []).filter((step) => typeof step !== 'symbol');
  const node = document.getIn(path, true) as { range?: [number, number, number] } | undefined;
  throw invalid(node?.range?.[0] ?? 0, `${path.join('.')}: ${issue?.message ?? 'not understood'}`);
}

/** Tools as a server lists them: a list, or a `tools/list` result. @throws AppError `POLICY_TEST_INVALID` */
export function readToolsFile(name: string, text: string): z.infer<typeof Tool>[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new AppError('POLICY_TEST_INVALID', {
      params: { file: name, problem: 'it is not JSON' },
    });
  }
  const list = Array.isArray(json) ? json : (json as { tools?: unknown } | null)?.tools;
  // Listings hold more than policy needs (titles, output schemas): unknown keys pass here.
  const parsed = z.array(z.looseObject(Tool.shape)).safeParse(list);
  if (!parsed.success)
    throw new AppError('POLICY_TEST_INVALID', {
      params: { file: name, problem: 'it does not list tools' },
    });
  return parsed.data.map(({ name: tool, inputSchema, annotations }) => ({
    name: tool,
    inputSchema,
    ...(annotations === undefined ? {} : { annotations }),
  }));
}
