import { z } from 'zod';

/** Shapes that the admin API takes and gives. Times are milliseconds since the epoch. */

const text = (max: number) => z.string().min(1).max(max);

export const REASON = z
  .string()
  .trim()
  .min(3, 'say why, in at least three characters')
  .max(500)
  .describe('Why; stands in the audit record.');

export const AGENT_STATE = z.enum([
  'staged',
  'active',
  'suspended',
  'quarantined',
  'under_review',
  'retired',
]);

export const KEY = z.strictObject({
  id: z.string(),
  thumbprint: z.string(),
  algorithm: z.string(),
  createdAt: z.number(),
  revokedAt: z.number().nullable(),
});

export const BOOTSTRAP = z.strictObject({
  id: z.string(),
  createdAt: z.number(),
  expiresAt: z.number(),
  revokedAt: z.number().nullable(),
});

export const AGENT = z.strictObject({
  id: z.string(),
  name: z.string(),
  state: AGENT_STATE,
  owners: z.array(z.string()),
  purpose: z.string(),
  groups: z.array(z.string()),
  environment: z.string().nullable(),
  riskTier: z.string().nullable(),
  blueprint: z.string().nullable(),
  createdAt: z.number(),
  expiresAt: z.number(),
  expired: z.boolean(),
  version: z.number(),
  liveKeys: z.number(),
});

export const AGENT_DETAIL = AGENT.extend({
  keys: z.array(KEY),
  bootstrapTokens: z.array(BOOTSTRAP),
});

export const REGISTER = z.strictObject({
  name: text(63),
  owners: z.array(text(320)).min(1).max(16),
  purpose: text(1_000),
  groups: z.array(text(128)).max(64).default([]),
  environment: text(128).optional(),
  riskTier: z.enum(['low', 'medium', 'high']).optional(),
  blueprint: text(128).optional(),
  lifeDays: z.int().min(1).max(365).default(90),
  /** A key pair is made and the agent goes into service at once. */
  activate: z.boolean().default(true),
  reason: REASON,
});

export const TOOL = z.strictObject({ name: z.string(), description: z.string() });

export const SERVER = z.strictObject({
  name: z.string(),
  transport: z.enum(['stdio', 'http']),
  state: z.string(),
  era: z.string().nullable(),
  revision: z.string().nullable(),
  connections: z.number(),
  restarts: z.number(),
  lastError: z.string().nullable(),
  /** Null until the server was asked. */
  tools: z.array(TOOL).nullable(),
});

export const STATUS = z.strictObject({
  version: z.string(),
  mcpUrl: z.string(),
  startedAt: z.number(),
  ready: z.boolean(),
  agents: z.number(),
  servers: z.number(),
  policyVersion: z.string(),
  policyMode: z.enum(['enforce', 'observe']),
  audit: z.strictObject({
    healthy: z.boolean(),
    head: z.strictObject({ seq: z.number(), hash: z.string() }),
  }),
  edge: z.strictObject({
    sessions: z.number(),
    calls: z.number(),
    streams: z.number(),
    asks: z.number(),
  }),
});

const PROBLEM_LINE = z.strictObject({
  severity: z.enum(['error', 'warning']),
  file: z.string(),
  line: z.number(),
  column: z.number(),
  policy: z.string().optional(),
  message: z.string(),
  suggestion: z.string().optional(),
});

export const POLICY_STATUS = z.strictObject({
  id: z.string(),
  file: z.string(),
  line: z.number(),
  effect: z.enum(['permit', 'forbid']),
  state: z.string(),
  waitsFor: z.array(z.string()),
  invalidFor: z.array(z.string()),
});

export const POLICY_REPORT = z.strictObject({
  applied: z.boolean(),
  version: z.string(),
  policies: z.array(POLICY_STATUS),
  problems: z.array(PROBLEM_LINE),
});

export const POLICY = z.strictObject({
  version: z.string(),
  mode: z.enum(['enforce', 'observe']),
  engine: z.string(),
  policies: z.array(POLICY_STATUS),
  problems: z.array(PROBLEM_LINE),
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

export const EXPLAIN = z.strictObject({
  agent: text(128),
  server: text(64),
  kind: z.enum(KINDS).default('tool'),
  target: text(4_096),
  method: text(128).optional(),
  user: text(320).optional(),
  arguments: z.record(z.string(), z.unknown()).optional(),
  approved: z.boolean().optional(),
});

/** `PolicyExplanation` of the policy area; quotes values of the call. */
export const EXPLANATION = z.looseObject({
  decision: z.looseObject({
    effect: z.enum(['allow', 'deny', 'hold']),
    reasons: z.array(z.looseObject({ code: z.string(), message: z.string() })),
    policyVersion: z.string(),
  }),
  holding: z.array(z.looseObject({ policy: z.string() })),
  nearMisses: z.array(z.looseObject({ policy: z.string() })),
});

/** A record of the audit log as it stands there. */
export const RECORD = z.looseObject({
  seq: z.number(),
  hash: z.string(),
  type: z.string(),
  time: z.number(),
});

const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);

export const AUDIT_QUERY = z.strictObject({
  type: z.enum(['decision', 'outcome', 'fault', 'admin', 'session']).optional(),
  agent: text(128).optional(),
  user: text(320).optional(),
  server: text(64).optional(),
  method: text(128).optional(),
  target: text(4_096).optional(),
  effect: text(64).optional(),
  call: text(64).optional(),
  since: wholeNumber.optional(),
  until: wholeNumber.optional(),
  order: z.enum(['newest', 'oldest']).optional(),
  limit: wholeNumber.optional(),
  after: wholeNumber.optional(),
});

export const TAIL_QUERY = z.strictObject({
  /** The last so many records first; without it and without `Last-Event-ID` only new ones come. */
  last: wholeNumber.optional(),
  type: AUDIT_QUERY.shape.type,
  agent: AUDIT_QUERY.shape.agent,
  server: AUDIT_QUERY.shape.server,
  effect: AUDIT_QUERY.shape.effect,
});

/** RFC 9457; `code` is one of `docs/reference/errors.md`. */
export const PROBLEM = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  detail: z.string(),
  code: z.string(),
  hint: z.string().optional(),
});
